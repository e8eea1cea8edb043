// Two comforts; every page works without them.
"use strict";

// Elements with data-refresh="seconds" are fetched again and replaced, unless the page is hidden or somebody is in them.
for (const element of document.querySelectorAll("[data-refresh][id]")) {
  setInterval(async () => {
    const here = document.getElementById(element.id);
    if (document.hidden || !here || here.contains(document.activeElement)) return;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" }, redirect: "error" });
      if (!answer.ok) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(element.id);
      if (fresh && fresh.innerHTML !== here.innerHTML) here.replaceWith(document.importNode(fresh, true));
    } catch (error) {
      console.info("not refreshed", error); // offline for a moment: the next round tries again
    }
  }, Number(element.dataset.refresh) * 1000);
}

// A form is sent once, and asks first if it has data-confirm.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sent || (form.dataset.confirm && !confirm(form.dataset.confirm))) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "1";
});

// Coming back with the browser's back button: forms may be sent again.
addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
});
