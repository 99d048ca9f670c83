"""What the papers claim: statements beside numbers measured here, and their bounds."""

from fatheory.claims.claim import CLAIM as CLAIM
from fatheory.claims.claim import Claim as Claim
from fatheory.claims.claim import aligned as aligned
from fatheory.claims.claim import claims_dataset as claims_dataset
from fatheory.claims.claim import claims_from_dataset as claims_from_dataset
from fatheory.claims.claim import claims_table as claims_table
