"""What an expert would write for the store: one subject, and a whole chain's persons, each in one transaction."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from store import FOLDED_PHONE, WORDS

if TYPE_CHECKING:
    import psycopg

_MENTIONING = (
    "SELECT {key}, body FROM shop.{table} WHERE "
    + WORDS.replace("%", "%%")
    + " @@ (plainto_tsquery('simple', %s)"
    " || plainto_tsquery('simple', %s) || plainto_tsquery('simple', %s)) FOR UPDATE"
)


def erase(connection: psycopg.Connection[Any], number: int) -> None:
    """Erase the person of that number everywhere."""
    mail, phone = f"person{number}@example.com", f"+372{50000000 + number}"
    cursor = connection.cursor()
    cursor.execute(
        "SELECT person_id, address_id FROM shop.person"
        f" WHERE lower(btrim(email)) = %s OR {FOLDED_PHONE} = ANY(%s) FOR UPDATE",
        (mail, [phone, phone[1:], phone[4:], "00" + phone[1:]]),
    )
    found = cursor.fetchall()
    persons, addresses = [row[0] for row in found], [row[1] for row in found]
    cursor.execute(
        "SELECT purchase_id, ship_to_address_id FROM shop.purchase WHERE person_id = ANY(%s)", (persons,)
    )
    bought = cursor.fetchall()
    purchases = [row[0] for row in bought]
    cursor.execute(
        "UPDATE shop.payment SET purchase_id = NULL, person_id = NULL, payer_name = NULL, payer_email = NULL"
        " WHERE person_id = ANY(%s) OR lower(btrim(payer_email)) = %s OR purchase_id = ANY(%s)",
        (persons, mail, purchases),
    )
    cursor.execute("DELETE FROM shop.purchase_line WHERE purchase_id = ANY(%s)", (purchases,))
    cursor.execute("DELETE FROM shop.purchase WHERE person_id = ANY(%s)", (persons,))
    cursor.execute("DELETE FROM shop.login WHERE person_id = ANY(%s)", (persons,))
    cursor.execute("DELETE FROM shop.review WHERE person_id = ANY(%s)", (persons,))
    cursor.execute("DELETE FROM shop.person WHERE person_id = ANY(%s)", (persons,))
    cursor.execute(
        "DELETE FROM shop.address WHERE address_id = ANY(%s)"
        " AND NOT EXISTS (SELECT FROM shop.person WHERE person.address_id = address.address_id)"
        " AND NOT EXISTS (SELECT FROM shop.purchase WHERE ship_to_address_id = address.address_id)",
        ([*addresses, *(row[1] for row in bought)],),
    )
    _erase_tickets_and_subscriptions(cursor, mail)
    _mask(cursor, number, mail, phone)
    connection.commit()


def _erase_tickets_and_subscriptions(cursor: psycopg.Cursor[Any], mail: str) -> None:
    cursor.execute(
        "DELETE FROM shop.reply USING shop.ticket"
        " WHERE ticket.ticket_id = reply.ticket_id AND lower(btrim(ticket.email)) = %s",
        (mail,),
    )
    cursor.execute("DELETE FROM shop.ticket WHERE lower(btrim(email)) = %s", (mail,))
    cursor.execute(
        "DELETE FROM shop.consent USING shop.subscription"
        " WHERE subscription.subscription_id = consent.subscription_id AND lower(btrim(subscription.email)) = %s",
        (mail,),
    )
    cursor.execute("DELETE FROM shop.subscription WHERE lower(btrim(email)) = %s", (mail,))


def _mask(cursor: psycopg.Cursor[Any], number: int, mail: str, phone: str) -> None:
    wanted = re.compile(rf"{re.escape(mail)}|{re.escape(phone)}", re.IGNORECASE)
    for table, key in (("review", "review_id"), ("reply", "reply_id")):
        words = (f"person {number} example com", phone[1:], phone[4:])
        cursor.execute(_MENTIONING.format(table=table, key=key), words)
        for row, body in cursor.fetchall():
            masked = wanted.sub("[erased]", body)
            if masked != body:
                cursor.execute(f"UPDATE shop.{table} SET body = %s WHERE {key} = %s", (masked, row))


CHAIN = """
UPDATE shop.payment SET purchase_id = NULL, person_id = NULL, payer_name = NULL, payer_email = NULL
FROM shop.person WHERE person.person_id = payment.person_id AND person.chain_id = {chain};
UPDATE shop.payment SET purchase_id = NULL FROM shop.purchase JOIN shop.person USING (person_id)
WHERE purchase.purchase_id = payment.purchase_id AND person.chain_id = {chain};
CREATE TEMPORARY TABLE left_address ON COMMIT DROP AS
    SELECT address_id FROM shop.person WHERE chain_id = {chain}
    UNION SELECT ship_to_address_id FROM shop.purchase JOIN shop.person USING (person_id) WHERE chain_id = {chain};
DELETE FROM shop.purchase_line USING shop.purchase JOIN shop.person USING (person_id)
WHERE purchase.purchase_id = purchase_line.purchase_id AND person.chain_id = {chain};
DELETE FROM shop.purchase USING shop.person
WHERE person.person_id = purchase.person_id AND person.chain_id = {chain};
DELETE FROM shop.login USING shop.person WHERE person.person_id = login.person_id AND person.chain_id = {chain};
DELETE FROM shop.review USING shop.person WHERE person.person_id = review.person_id AND person.chain_id = {chain};
DELETE FROM shop.person WHERE chain_id = {chain};
DELETE FROM shop.address USING left_address WHERE left_address.address_id = address.address_id
    AND NOT EXISTS (SELECT FROM shop.person WHERE person.address_id = address.address_id)
    AND NOT EXISTS (SELECT FROM shop.purchase WHERE ship_to_address_id = address.address_id);
DELETE FROM shop.chain WHERE chain_id = {chain};
"""
