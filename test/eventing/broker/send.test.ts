import https from 'node:https';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { createSender } from '../../../eventing/broker/send.ts';
import { Authority } from '../../serving/authority.ts';

t.test('events reach names of the cluster over TLS through the gateway, trusting whom the address names', async (t) => {
  const host = 'hello.default.svc.cluster.local';
  const authority = await Authority.make();
  const server = https.createServer(await authority.issue([host]), (request, response) => {
    request.resume();
    response.end(request.headers.host);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const sender = createSender({
    gateway: { host: '127.0.0.1', port: 9 },
    clusterDomain: 'cluster.local',
    maxResponse: 1024,
  });
  t.teardown(() => sender.close());
  const send = (name: string, caCerts: string | undefined) =>
    sender.send({ url: new URL(`https://${name}:${port}/`), caCerts }, { headers: {}, body: Buffer.from('x') }, 5000);
  const delivered = await send(host, authority.caCert);
  t.equal(delivered.status, 200);
  t.equal(delivered.body.toString(), `${host}:${port}`);
  t.match((await send(host, undefined)).body.toString(), /certificate/, 'nobody is trusted without being named');
  t.match((await send('other.default.svc.cluster.local', authority.caCert)).body.toString(), /altnames|certificate/);
});
