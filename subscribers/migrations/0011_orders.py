"""Orders, their products, and the rollup of them in the profile; where a file of orders waits for its import."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.text
from django.db import migrations, models

import mailplatform.core.clock

# Filled by COPY when a file is checked, deleted with the file. Rows first, then the orders that they make.
STAGING = """
CREATE UNLOGGED TABLE subscribers_orderrowstaging (
    job_id bigint NOT NULL, seq integer NOT NULL, line integer NOT NULL, number text COLLATE "C" NOT NULL,
    email text COLLATE "C", email_key bytea, ordered_at timestamptz, currency text COLLATE "C", total bigint,
    amount bigint, quantity integer NOT NULL, product text COLLATE "C" NOT NULL, problem text NOT NULL,
    PRIMARY KEY (job_id, seq)
);
CREATE INDEX order_row_by_number ON subscribers_orderrowstaging (job_id, number);
CREATE UNLOGGED TABLE subscribers_orderstaging (
    job_id bigint NOT NULL, seq integer NOT NULL, number text COLLATE "C" NOT NULL, rows integer NOT NULL,
    email text COLLATE "C", email_key bytea, ordered_at timestamptz, currency text COLLATE "C", total bigint,
    refused text NOT NULL, reason text NOT NULL DEFAULT '', PRIMARY KEY (job_id, seq)
);
CREATE UNIQUE INDEX order_by_number ON subscribers_orderstaging (job_id, number)
"""
UNDO_STAGING = "DROP TABLE subscribers_orderstaging, subscribers_orderrowstaging"


class Migration(migrations.Migration):
    dependencies = [("subscribers", "0010_reader_choices")]

    operations = [
        migrations.CreateModel(
            name="OrderCurrency",
            fields=[("code", models.CharField(max_length=3, primary_key=True, serialize=False))],
        ),
        migrations.CreateModel(
            name="Product",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=300, unique=True)),
            ],
            options={
                "indexes": [
                    models.Index(django.db.models.functions.text.Lower("name"), name="product_by_lower_name")
                ]
            },
        ),
        migrations.CreateModel(
            name="Order",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("source", models.CharField(max_length=60)),
                ("number", models.CharField(max_length=100)),
                ("ordered_at", models.DateTimeField()),
                ("currency", models.CharField(max_length=3)),
                ("total", models.BigIntegerField()),
                ("created_at", models.DateTimeField(default=mailplatform.core.clock.now)),
                (
                    "job",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="orders",
                        to="subscribers.importjob",
                    ),
                ),
                (
                    "subscriber",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="orders",
                        to="subscribers.subscriber",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["subscriber", "ordered_at"],
                        include=("currency", "total"),
                        name="order_by_person",
                    ),
                    models.Index(fields=["ordered_at"], name="order_by_time"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("source", "number"), name="one_order_per_number"),
                    models.CheckConstraint(
                        condition=models.Q(("total__gte", 0)), name="order_total_not_negative"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="OrderLine",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("place", models.PositiveSmallIntegerField()),
                ("quantity", models.IntegerField(default=1)),
                ("amount", models.BigIntegerField(null=True)),
                (
                    "order",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="lines",
                        to="subscribers.order",
                    ),
                ),
                (
                    "product",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, to="subscribers.product"
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("order", "place"), name="one_line_per_place")]
            },
        ),
        # With defaults of the database: whoever makes a profile need not know of orders.
        migrations.AddField("profile", "orders", models.IntegerField(db_default=0, default=0)),
        migrations.AddField("profile", "last_ordered_at", models.DateTimeField(null=True)),
        migrations.AddField("profile", "spent", models.JSONField(null=True)),
        migrations.AddField(
            "profile",
            "product_ids",
            django.contrib.postgres.fields.ArrayField(
                base_field=models.BigIntegerField(), null=True, size=None
            ),
        ),
        migrations.AlterField(
            "importjob",
            "kind",
            models.CharField(
                choices=[
                    ("people", "People to write to"),
                    ("orders", "Orders of people you have"),
                    ("suppression", "People who must get no mail"),
                ],
                default="people",
                max_length=12,
            ),
        ),
        migrations.RunSQL(STAGING, UNDO_STAGING),
    ]
