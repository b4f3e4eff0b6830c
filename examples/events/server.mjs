// Prints every CloudEvent it is sent (binary mode: attributes are ce-* headers).
import { createServer } from 'node:http';

const server = createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const { 'ce-type': type, 'ce-source': source, 'ce-id': id } = request.headers;
    console.log(`${type} from ${source} id ${id}: ${Buffer.concat(chunks)}`);
    response.writeHead(202).end();
  });
});
server.listen(process.env.PORT ?? 8080);
process.on('SIGTERM', () => server.close());
