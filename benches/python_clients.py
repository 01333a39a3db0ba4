"""Python's clients for `benches/run`: each asks the URLs of a list, reads every page, and prints how many were right.

usage: python_clients.py aiohttp|httpx|pyreqwest LIST CONCURRENCY AUTHORITY [h2]
"""
import asyncio
import datetime
import ssl
import sys


def main():
    client, path, concurrency, authority = sys.argv[1:5]
    http2 = sys.argv[5:] == ["h2"]
    with open(path) as file:
        urls = iter(file.read().split())
    run = {"aiohttp": with_aiohttp, "httpx": with_httpx, "pyreqwest": with_pyreqwest}[client]
    work = run(urls, int(concurrency), authority, http2)
    if client == "aiohttp":
        import uvloop
        print(uvloop.run(work))
    else:
        print(asyncio.run(work))


async def in_workers(urls, concurrency, ask):
    """`ask` gives a URL's status and body."""
    right = 0

    async def worker():
        nonlocal right
        for url in urls:
            status, body = await ask(url)
            right += status == 200 and f"<title>Page {url.rsplit('/', 1)[1]}</title>" in body

    await asyncio.gather(*(worker() for _ in range(concurrency)))
    return right


async def with_aiohttp(urls, concurrency, authority, _http2):
    import aiohttp
    connector = aiohttp.TCPConnector(limit=concurrency, ssl=ssl.create_default_context(cafile=authority))
    async with aiohttp.ClientSession(connector=connector) as session:
        async def ask(url):
            async with session.get(url) as response:
                return response.status, await response.text()
        return await in_workers(urls, concurrency, ask)


async def with_httpx(urls, concurrency, authority, http2):
    import httpx
    limits = httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
    context = ssl.create_default_context(cafile=authority)
    async with httpx.AsyncClient(limits=limits, verify=context, http2=http2) as client:
        async def ask(url):
            response = await client.get(url)
            return response.status_code, response.text
        return await in_workers(urls, concurrency, ask)


async def with_pyreqwest(urls, concurrency, authority, _http2):
    from pyreqwest.client import ClientBuilder
    with open(authority, "rb") as file:
        pem = file.read()
    builder = ClientBuilder().add_root_certificate_pem(pem).timeout(datetime.timedelta(seconds=60))
    async with builder.build() as client:
        async def ask(url):
            response = await client.get(url).build().send()
            return response.status, await response.text()
        return await in_workers(urls, concurrency, ask)


main()
