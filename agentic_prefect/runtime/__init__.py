"""Plans and tasks carried out by Prefect."""
