// The program behind the soak: says which version answered and how many requests it had at once, slowly if asked to.
import { createServer } from 'node:http';

const version = process.env.VERSION ?? '';
let inFlight = 0;
let most = 0;

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://program');
  most = Math.max(most, ++inFlight);
  response.on('close', () => inFlight--);
  let received = 0;
  request.on('data', (chunk) => (received += chunk.length));
  request.on('end', () => {
    if (pathname === '/slow') return drip(response, Number(searchParams.get('seconds')));
    const body = JSON.stringify({ version, received, most });
    setTimeout(() => response.end(body), Number(searchParams.get('ms')));
  });
});

/** A line every quarter of a second; the last one says that it is the last. */
function drip(response, seconds) {
  const end = Date.now() + seconds * 1000;
  const timer = setInterval(() => {
    const done = Date.now() >= end;
    response.write(done ? 'end\n' : 'more\n');
    if (!done) return;
    clearInterval(timer);
    response.end();
  }, 250);
  response.on('close', () => clearInterval(timer));
}

server.keepAliveTimeout = 3_600_000;
server.listen(process.env.PORT ?? 8080);
process.on('SIGTERM', () => server.close());
