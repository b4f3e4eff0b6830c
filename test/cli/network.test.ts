// Instances on one machine never meet, and find ports whoever else listens.
import { createServer, type AddressInfo } from 'node:net';
import t from 'tap';
import { claimNetwork } from '../../cli/network.ts';

t.test('a state folder keeps its range; a second instance of the same seed gets another', async (t) => {
  const first = await claimNetwork('seed', 0);
  const second = await claimNetwork('seed', 0);
  t.not(first.prefix, second.prefix);
  t.match(first, { gateway: `${first.prefix}.0.1`, clusterPort: Number });
  first.release();
  second.release();
  const again = await claimNetwork('seed', 0);
  t.equal(again.prefix, first.prefix);
  again.release();
});

t.test('a port that somebody holds at all addresses is not taken for the cluster port', async (t) => {
  const other = createServer().listen(0, '0.0.0.0');
  await new Promise((resolve) => other.once('listening', resolve));
  t.teardown(() => other.close());
  const { port } = other.address() as AddressInfo;
  const claim = await claimNetwork('seed', port);
  t.teardown(() => claim.release());
  t.not(claim.clusterPort, port);
  const probe = createServer().listen(claim.clusterPort, claim.gateway);
  await new Promise((resolve, reject) => probe.once('listening', resolve).once('error', reject));
  probe.close();
});
