"""What a call costs, from the price list that `genai-prices` ships. Nothing is fetched."""

from decimal import Decimal

from agentic_prefect.models.address import is_loopback
from agentic_prefect.models.usage import Usage


def price(model: str, usage: Usage, *, base_url: str) -> Decimal | None:
    """US dollars for `usage`; `None` when nobody knows.

    A price belongs to a model at a provider, so it is looked up by address: an address that the list does not know has
    no prices, not those of the company that made the model. A model on this machine has none either. Batch discounts,
    service tiers and contracts are not known.

    Args:
        model: As the provider names it; a dated name counts as its family.
    """
    if is_loopback(base_url):
        return None
    # Takes 0.2 s, and a run that talks to a local model, or is rehearsed, never needs it.
    from genai_prices import Usage as PricedUsage
    from genai_prices import calc_price

    counted = PricedUsage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=min(usage.cached_tokens, usage.input_tokens),
    )
    try:
        return calc_price(counted, model, provider_api_url=base_url).total_price
    except LookupError:
        return None
