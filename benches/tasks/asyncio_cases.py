"""The cases on CPython's asyncio: asyncio_cases.py (asyncio|uvloop) case times."""

import asyncio
import sys
import threading
import time


def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096


async def number(n):
    return n


async def main(case, times):
    start, begun_with = time.process_time_ns(), resident()
    if case == "spawn-join":
        for _ in range(times // 1000):
            async with asyncio.TaskGroup() as group:
                for n in range(1000):
                    group.create_task(number(n))
    elif case == "spawn-join-one":
        for n in range(times):
            await asyncio.create_task(number(n))
    elif case == "sleeps":
        await asyncio.gather(*(asyncio.sleep((1 + n % 100) / 1000) for n in range(times)))
    elif case == "queue":
        queue = asyncio.Queue(1)

        async def reader():
            for _ in range(times):
                await queue.get()

        reading = asyncio.create_task(reader())
        for n in range(times):
            await queue.put(n)
        await reading
    elif case == "semaphore":
        semaphore = asyncio.Semaphore(1)

        async def worker():
            for _ in range(times // 10):
                async with semaphore:
                    await asyncio.sleep(0)

        await asyncio.gather(*(worker() for _ in range(10)))
    elif case == "cancel":
        tasks = [asyncio.create_task(asyncio.Event().wait()) for _ in range(times)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    elif case == "yield":

        async def worker():
            for _ in range(times // 100):
                await asyncio.sleep(0)

        await asyncio.gather(*(worker() for _ in range(100)))
    elif case == "thread":
        loop, done, seen = asyncio.get_running_loop(), asyncio.Event(), 0

        def receive():
            nonlocal seen
            seen += 1
            if seen == times:
                done.set()

        def send():
            for _ in range(times):
                loop.call_soon_threadsafe(receive)

        thread = threading.Thread(target=send)
        thread.start()
        await done.wait()
        thread.join()
    else:
        tasks = [asyncio.create_task(asyncio.sleep(3600)) for _ in range(times)]
        await asyncio.sleep(0)
        print((resident() - begun_with) / times, flush=True)
        import os

        os._exit(0)
    print((time.process_time_ns() - start) / times)


if __name__ == "__main__":
    system, case, times = sys.argv[1:]
    if system == "uvloop":
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main(case, int(times)))
    else:
        asyncio.run(main(case, int(times)))
