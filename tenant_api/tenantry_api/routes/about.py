"""What a client needs before it is anybody: where to sign in, and the key that checks the log."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from tenantry_api.routes.dependencies import ServicesOf

__all__ = ["router"]

router = APIRouter(tags=["about"])


class SignInView(BaseModel):
    """For the device flow of a shell; the issuer's discovery document says the rest."""

    issuer: str
    client_id: str


class KeyView(BaseModel):
    """`pem` is a SubjectPublicKeyInfo. Keep it when you first see it: a key that changes later proves nothing."""

    algorithm: str
    pem: str


class Keys(BaseModel):
    keys: list[KeyView]


@router.get("/key")
async def get_key(services: ServicesOf) -> Keys:
    """What `tenantry audit verify --key` takes."""
    return Keys(keys=[KeyView(algorithm="Ed25519", pem=services.audit.public_key().decode("ascii"))])


@router.get("/sign-in")
async def get_sign_in(services: ServicesOf) -> SignInView:
    client = services.identifier.sign_in.issuer.client
    return SignInView(issuer=client.issuer, client_id=client.client_id)
