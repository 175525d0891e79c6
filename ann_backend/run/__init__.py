"""The runtime line: replace -> park, hook -> engine -> spikes and Vm. No torch here."""
