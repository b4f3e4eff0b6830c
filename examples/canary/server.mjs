// Says which version it is.
import { createServer } from 'node:http';

const server = createServer((request, response) => {
  response.setHeader('Content-Type', 'text/plain');
  response.end(`${process.env.VERSION ?? 'unknown'}\n`);
});
server.listen(process.env.PORT ?? 8080);
process.on('SIGTERM', () => server.close());
