"""Make the declaration of a service of a unit of systemd: what it means, in our fields."""
