// Answers every request with a greeting. All that Knative asks of a program: listen on $PORT.
import { createServer } from 'node:http';

const target = process.env.TARGET ?? 'World';
const server = createServer((request, response) => {
  response.setHeader('Content-Type', 'text/plain');
  response.end(`Hello ${target}!\n`);
});
server.listen(process.env.PORT ?? 8080);
process.on('SIGTERM', () => server.close());
