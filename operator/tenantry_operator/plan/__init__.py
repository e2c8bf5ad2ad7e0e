"""What should be there. Pure: manifests in, frozen plans out; no client, clock, environment or random."""
