"""What the authorization server stands on, made of real parts, where no appliance is needed."""

from stack_local.oauth.ground import Ground
from stack_local.store.audit import Scribe
from stack_local.vault.keys import KeyMaterial, Keys
from stack_local.vault.signing import Signer
from stack_local.vault.vault import Vault
from tests.simulators.clock import TestSystem

BASE = "http://127.0.0.1:7822"
OPERATOR = "op_0000000000000000000000"


def made_ground(*, seed: str = "grounds", base_url: str = BASE) -> Ground:
    """One with keys of its own."""
    system = TestSystem(seed=seed)
    vault = Vault(system, Keys(KeyMaterial.generate(system), KeyMaterial.generate(system)))
    vault.hold_signers([Signer.generate(system)])
    return Ground(base_url, system, vault, Scribe(system, OPERATOR))
