"""What crosses the OAuth endpoints as JSON: the registration of a client (RFC 7591)."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Word = Annotated[str, StringConstraints(max_length=512)]
Words = Annotated[list[Word], Field(max_length=32)]


class ClientMetadata(BaseModel):
    """What a client says of itself (RFC 7591, section 2). Members we do not know are ignored, as section 2 asks."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, strict=True)

    redirect_uris: Annotated[list[str], Field(min_length=1)]
    client_name: Annotated[str, StringConstraints(max_length=512)] | None = None
    client_uri: Word | None = None
    logo_uri: Word | None = None
    grant_types: Words | None = None
    response_types: Words | None = None
    token_endpoint_auth_method: Word | None = None
    scope: Annotated[str, StringConstraints(max_length=2048)] | None = None
    application_type: Word | None = None
    software_id: Word | None = None
    software_version: Word | None = None

    def registered(self) -> dict[str, Any]:
        """What is said back of it, beside what was registered instead of it (section 3.2.1)."""
        return self.model_dump(
            exclude_none=True, include={"client_uri", "software_id", "software_version", "application_type"}
        )
