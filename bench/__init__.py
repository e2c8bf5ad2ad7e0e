"""`make bench`: the figures that Tenantry is held to, measured on this machine against their goals."""
