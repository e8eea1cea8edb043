"""Control: alerts in; incidents, work orders, remote commands and credits out; the API and the pages."""
