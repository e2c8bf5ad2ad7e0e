"""An OpenID provider for development: a fixed client, a list of users, no passwords. Loopback only.

What it does it does as the specifications have it (PKCE with S256 required, exact redirect URIs, one-time codes and
refresh tokens, ES256), so that what works with it works with a real issuer. Whoever reaches it can be anybody: it
refuses to listen anywhere but on loopback, and to start beside a real issuer.
"""
