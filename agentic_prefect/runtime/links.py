"""Links to the Prefect UI."""

from prefect.settings import PREFECT_API_URL, PREFECT_UI_URL


def run_url(flow_run_id: str) -> str | None:
    """Where a person can look at a flow run; `None` when the server lives only as long as this process."""
    return ui_url(f"runs/flow-run/{flow_run_id}")


def ui_url(path: str) -> str | None:
    """The address of a page of the UI; `None` when the server lives only as long as this process.

    A link without `/v2` opens the classic interface, which draws no diagrams, so the newer one is asked for unless
    `PREFECT_UI_URL` says otherwise.
    """
    api_url = PREFECT_API_URL.value()
    if not api_url:
        return None
    base = PREFECT_UI_URL.value() or ""
    local = api_url.removesuffix("/").removesuffix("/api")
    if not base or base.rstrip("/") == local:
        base = f"{local}/v2"
    return f"{base.rstrip('/')}/{path}"
