"""What people bought, as a shop's export tells it: the reason for a segment, and the proof of a soft opt-in."""

from django.db import models
from django.db.models.functions import Lower

from mailplatform.core import clock


class Product(models.Model):
    """A product by the name under which it was sold."""

    name = models.CharField(max_length=300, unique=True)

    class Meta:
        indexes = (models.Index(Lower("name"), name="product_by_lower_name"),)

    def __str__(self) -> str:
        return self.name


class OrderCurrency(models.Model):
    """A currency in which somebody ever paid; segments offer a rule for each."""

    code = models.CharField(max_length=3, primary_key=True)

    def __str__(self) -> str:
        return self.code


class Order(models.Model):
    """One sale. `total` is in the currency's smallest unit (ISO 4217), never less than nothing.

    A shop and its number name an order for good: the same file twice changes nothing. `job` is the import that
    brought it, for the undo.
    """

    source = models.CharField(max_length=60)
    number = models.CharField(max_length=100)
    subscriber = models.ForeignKey(
        "Subscriber", on_delete=models.CASCADE, related_name="orders", db_index=False
    )
    job = models.ForeignKey("ImportJob", null=True, on_delete=models.SET_NULL, related_name="orders")
    ordered_at = models.DateTimeField()
    currency = models.CharField(max_length=3)
    total = models.BigIntegerField()
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("source", "number"), name="one_order_per_number"),
            models.CheckConstraint(condition=models.Q(total__gte=0), name="order_total_not_negative"),
        )
        indexes = (
            # Sums and counts within a time are read from the index alone.
            models.Index(
                fields=("subscriber", "ordered_at"), include=("currency", "total"), name="order_by_person"
            ),
            models.Index(fields=("ordered_at",), name="order_by_time"),
        )

    def __str__(self) -> str:
        return f"{self.source} {self.number}"


class OrderLine(models.Model):
    """One product of an order; `amount` as `Order.total`, null where the file did not say it."""

    order = models.ForeignKey("Order", on_delete=models.CASCADE, related_name="lines", db_index=False)
    place = models.PositiveSmallIntegerField()
    product = models.ForeignKey("Product", on_delete=models.PROTECT, db_index=False)
    quantity = models.IntegerField(default=1)
    amount = models.BigIntegerField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("order", "place"), name="one_line_per_place"),)

    def __str__(self) -> str:
        return f"{self.quantity} x {self.product_id}"
