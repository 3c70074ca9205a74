"""The app `subscribers`."""

from django.apps import AppConfig


class SubscribersConfig(AppConfig):
    """The app `subscribers`; ARCHITECTURE.md says what lives in it."""

    name = "subscribers"

    def ready(self) -> None:
        """Let orders be shown with what we hold of a person, and be forgotten in time; give the papers their facts."""
        from . import papers, personal_data
        from .selectors import holdings, orders
        from .services import order_retention

        holdings.register("orders", orders.held)
        order_retention.register_orders()
        papers.register()
        personal_data.register()
