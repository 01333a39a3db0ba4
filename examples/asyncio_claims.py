"""What asyncio does, measured: the figures of docs/from-asyncio.md that are about Python.

    python3 examples/asyncio_claims.py

Needs Python 3.11 or later and Linux, and nothing else. Takes about 20 seconds.
"""

import asyncio
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COUNT = 10_000


def memory(field):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(field))


async def nap():
    await asyncio.sleep(1)


def coroutines_and_tasks():
    before = memory("VmRSS")
    coroutines = [nap() for _ in range(COUNT)]
    print(f"{COUNT} coroutine objects that have not begun: {(memory('VmRSS') - before) // 1000} kB")
    for coroutine in coroutines:
        coroutine.close()

    async def main():
        before = memory("VmRSS")
        tasks = [asyncio.create_task(nap()) for _ in range(COUNT)]
        await asyncio.sleep(0.1)
        print(f"{COUNT} waiting tasks: {(memory('VmRSS') - before) // 1000} kB")
        await asyncio.gather(*tasks)

    asyncio.run(main())


def threads(count=1_000):
    go = threading.Event()
    resident, address_space = memory("VmRSS"), memory("VmSize")
    waiting = [threading.Thread(target=go.wait) for _ in range(count)]
    for thread in waiting:
        thread.start()
    resident, address_space = memory("VmRSS") - resident, memory("VmSize") - address_space
    print(f"a waiting thread: {resident // count} bytes in memory, {address_space // count} of address space")
    go.set()


def computing_threads():
    def count():
        total = 0
        for number in range(10_000_000):
            total += number

    count()  # warms up
    start = time.perf_counter()
    count(), count()
    in_turn, start = time.perf_counter() - start, time.perf_counter()
    pair = [threading.Thread(target=count) for _ in range(2)]
    for thread in pair:
        thread.start()
    for thread in pair:
        thread.join()
    print(f"two computations: {in_turn:.2f} s in turn, {time.perf_counter() - start:.2f} s on two threads")


async def a_task_begins_at_the_next_await():
    async def cook(dish):
        print(f"{dish} begins", end=", ")

    tasks = [asyncio.create_task(cook(dish)) for dish in ("rice", "soup", "egg")]
    print("all are made", end=", ")
    await asyncio.gather(*tasks)
    print()


async def a_queue_filled_before_its_workers_start():
    queue = asyncio.Queue(maxsize=2)

    async def fill():
        for url in range(3):
            await queue.put(url)

    try:
        await asyncio.wait_for(fill(), 1)
        print("the queue was filled")
    except TimeoutError:
        print(f"a bounded queue filled first: stuck with {queue.qsize()} of 3")


async def siblings_of_a_failure_run_on():
    async def sibling():
        await asyncio.sleep(0.1)
        print("its sibling ran on to its end")

    async def fails():
        raise ValueError("broke")

    try:
        await asyncio.gather(sibling(), fails())
    except ValueError as error:
        print(f"gather raised `{error}`", end=", ")
    await asyncio.sleep(0.2)


async def a_cancelled_call_is_no_exception():
    task = asyncio.create_task(nap())
    asyncio.get_running_loop().call_later(0.1, task.cancel)
    results = await asyncio.gather(task, return_exceptions=True)
    ok = [result for result in results if not isinstance(result, Exception)]
    print(f"a cancelled call: {results[0]!r}, counted among the successes: {bool(ok)}")


async def errors_of_forgotten_tasks():
    async def fails():
        raise ValueError("nobody hears of this in time")

    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    asyncio.create_task(fails())
    await asyncio.sleep(0.1)
    print("a task nobody awaited has failed, and the program goes on")


async def fifty_calls():
    permits = asyncio.Semaphore(10)

    async def call():
        async with permits:
            await asyncio.sleep(1)

    start = time.perf_counter()
    await asyncio.gather(*(call() for _ in range(50)))
    print(f"fifty calls of a second, ten at a time: {time.perf_counter() - start:.1f} s")


class Slow(BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(3)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *arguments):
        pass


async def two_calls_of_three_seconds():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = server.server_port

    def get():
        urllib.request.urlopen(f"http://127.0.0.1:{port}/").read()

    async def blocks():
        get()

    async def waits():
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        await reader.read()
        writer.close()

    async def on_a_thread():
        await asyncio.to_thread(get)

    for call in (blocks, waits, on_a_thread):
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                await asyncio.sleep(0.1)
                ticks += 1

        ticker = asyncio.create_task(tick())
        await asyncio.sleep(0)
        start = time.perf_counter()
        await asyncio.gather(call(), call())
        print(f"two calls of 3 s, {call.__name__}: {time.perf_counter() - start:.1f} s, {ticks} ticks")
        ticker.cancel()


if __name__ == "__main__":
    coroutines_and_tasks()
    threads()
    computing_threads()
    for claim in (
        a_task_begins_at_the_next_await,
        a_queue_filled_before_its_workers_start,
        siblings_of_a_failure_run_on,
        a_cancelled_call_is_no_exception,
        errors_of_forgotten_tasks,
        fifty_calls,
        two_calls_of_three_seconds,
    ):
        asyncio.run(claim())
    total = sum(i * i for i in range(10_000_000))
    print(f"the sum of squares: {total}, {total.bit_length()} bits")
