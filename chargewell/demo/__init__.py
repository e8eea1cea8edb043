"""The demo: services, a simulated network with thirty days behind it, the live chain, and an honest account at the end."""
