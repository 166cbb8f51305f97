"""Every page of the console in Chromium, outside CI: what is shown against what is there, both themes, 360 px, hostile records, axe-core.

From compat-tests: `../target/compat/venv/bin/python -m console.browser FOLDER [axe.min.js]`, with Debian's chromium; screenshots go to FOLDER.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from console import queue
from console.devtools import Browser
from harness import http as listener

WAIT_S = 30
HOSTILE = '<img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>'
PAGES = {
    "overview": "",
    "topics": "topics",
    "topic": "topic?name=orders",
    "messages": "topic?name=orders&tab=messages&from=earliest",
    "settings": "topic?name=orders&tab=settings",
    "broker": "broker?id=1",
    "groups": "groups",
    "group": "group?id=billing",
    "workers": "group?id=workers",
    "letters": "letters",
    "letters-of": "letters?topic=dlq.tasks",
    "logs": "logs",
    "transactions": "transactions",
    "security": "security",
    "clients": "clients",
}
MANY = 10_000


def fill(bootstrap):
    """Topics, records, a group that lags, an open transaction."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for made in admin.create_topics([NewTopic("orders", 3, 1), NewTopic("large", 1, 1, config={"max.message.bytes": "2000000"})]).values():
        made.result(WAIT_S)
    producer = Producer({"bootstrap.servers": bootstrap, "message.max.bytes": 2_000_000})
    for number in range(60):
        order = {"id": number, "customer": {"name": f"Customer {number % 7}", "city": "Iași"}, "total": number * 1.5}
        producer.produce("orders", json.dumps(order), key=f"customer-{number % 7}", headers=[("trace", f"t-{number}".encode())])
    producer.produce("orders", HOSTILE, key=HOSTILE, headers=[(HOSTILE, HOSTILE.encode())], partition=0)
    producer.produce("large", b"x" * 1_000_000)
    assert producer.flush(WAIT_S) == 0
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "billing"})
    consumer.commit(offsets=[TopicPartition("orders", at, 4) for at in range(3)], asynchronous=False)
    consumer.close()
    open_one = Producer({"bootstrap.servers": bootstrap, "transactional.id": "payments"})
    open_one.init_transactions(WAIT_S)
    open_one.begin_transaction()
    open_one.produce("orders", b"in a transaction", partition=1)
    assert open_one.flush(WAIT_S) == 0
    return admin, open_one


def main(folder, axe):
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        node = listener.started(Path(place) / "node", queue.SETTINGS)
        browser = Browser(Path(place) / "browser")
        try:
            admin, producer = fill(node.bootstrap)
            worker = queue.fill(node.bootstrap, admin)
            base = f"http://127.0.0.1:{node.port}/console"
            look(browser, base, folder, axe)
            many(browser, base, admin)
            del producer
            worker.close()
        finally:
            browser.close()
            node.broker.close()


def go(browser, address):
    began = time.monotonic()
    browser.call("Page.navigate", url=address)
    browser.until("document.readyState === 'complete' && Boolean(document.getElementById('main').dataset.shown)")
    return time.monotonic() - began


def look(browser, base, folder, axe):
    for name, path in PAGES.items():
        for width, theme in ((1200, "light"), (1200, "dark"), (360, "light")):
            browser.shape(width, 800, theme)
            go(browser, f"{base}/{path}")
            browser.screenshot(folder / f"{name}-{width}-{theme}.webp")
            wide = browser.run("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, f"{name} is {wide} px too wide at {width}"
            assert browser.run("document.querySelectorAll('.wrong[role=alert]').length") == 0, name
        if axe:
            browser.call("Page.setBypassCSP", enabled=True)
            browser.run(axe)
            found = browser.run("axe.run().then((r) => r.violations.map((v) => [v.impact, v.id, v.nodes.slice(0, 2).map((n) => n.html)]))")
            serious = [one for one in found if one[0] in ("serious", "critical")]
            assert not serious, (name, serious)
            print(name, "axe:", [one[:2] for one in found])
            browser.call("Page.setBypassCSP", enabled=False)
    browser.shape(1200, 900, "light")
    go(browser, f"{base}/topic?name=orders&tab=messages&from=earliest&partition=0&value=owned")
    browser.run("document.querySelector('td button').click()")
    browser.until("document.querySelector('.detail pre')")
    browser.screenshot(folder / "record-1200-light.webp")
    assert browser.run("document.title") != "owned" and not browser.run("document.querySelectorAll('main img, main script').length")
    assert HOSTILE in browser.run("document.querySelector('main').innerText")
    go(browser, f"{base}/topic?name=orders")
    browser.run("[...document.querySelectorAll('button')].find((b) => b.textContent === 'Delete the topic').click()")
    browser.until("document.getElementById('dialog').open")
    assert browser.run("document.querySelector('#dialog button.danger').disabled")
    assert "orders-2" in browser.run("document.getElementById('dialog').innerText")
    browser.screenshot(folder / "delete-1200-light.webp", whole=False)
    redrive(browser, base, folder)
    go(browser, f"{base}/topic?name=orders&tab=messages&from=live")
    browser.until("document.querySelector('main').innerText.includes('Following 3 partitions')")
    body = {"topic": "orders", "value": "seen live"}
    headers = {"x-barnabas-console": "1"}
    send = f"fetch('/console/api/produce', {{method: 'POST', headers: {json.dumps(headers)}, body: {json.dumps(json.dumps(body))}}}).then((r) => r.status)"
    assert browser.run(send) == 200
    browser.until("document.querySelector('main').innerText.includes('seen live')")
    hosts = {event["params"]["request"]["url"].split("/console")[0] for event in browser.events if event.get("method") == "Network.requestWillBeSent"}
    assert {host for host in hosts if host.startswith("http")} == {base.removesuffix("/console")}, hosts
    errors = [event["params"] for event in browser.events if event.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded")]
    print("errors in the pages:", [json.dumps(error)[:300] for error in errors])


def redrive(browser, base, folder):
    """A preview, the question, and what has gone back."""
    go(browser, f"{base}/letters?topic=dlq.tasks&group=workers")
    assert browser.run("[...document.querySelectorAll('main td')].filter((cell) => cell.textContent === 'here').length") == 2
    browser.run("document.querySelector('main details summary').click()")
    browser.run("document.querySelector('main details form button').click()")
    browser.until("[...document.querySelectorAll('button.danger')].some((button) => button.textContent === 'Take these back')")
    browser.run("document.querySelector('main details button.danger').click()")
    browser.until("document.getElementById('dialog').open")
    assert "2 of group workers from tasks to tasks" in browser.run("document.getElementById('dialog').innerText")
    browser.screenshot(folder / "redrive-1200-light.webp", whole=False)
    browser.run("document.querySelector('#dialog button.danger').click()")
    browser.until("[...document.querySelectorAll('main td')].filter((cell) => cell.textContent === 'went back').length === 2")


def many(browser, base, admin):
    """10,000 topics, and a value of 1 MB."""
    names = [f"topic-{number:05}" for number in range(MANY)]
    for at in range(0, MANY, 1000):
        for made in admin.create_topics([NewTopic(name, 1, 1) for name in names[at : at + 1000]], operation_timeout=WAIT_S).values():
            made.result(WAIT_S)
    print(f"{MANY} topics are shown in {go(browser, f'{base}/topics'):.2f} s")
    typed = browser.run(
        "(() => { const q = document.querySelector('input[name=q]'); const began = performance.now(); q.value = '0999'; "
        "q.dispatchEvent(new Event('input')); document.body.offsetHeight; return performance.now() - began; })()"
    )
    print(f"the filter takes {typed:.0f} ms")
    assert typed < 200
    print(f"a page with a value of 1 MB is shown in {go(browser, f'{base}/topic?name=large&tab=messages'):.2f} s")
    browser.run("document.querySelector('td button').click()")
    browser.until("document.querySelector('.detail pre')?.textContent.length >= 1000000")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]).read_text() if len(sys.argv) > 2 else None)
