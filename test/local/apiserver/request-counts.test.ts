import t from 'tap';
import { Registry } from 'prom-client';
import { ConfigMap } from '../../../api/core.ts';
import { startListening } from './https.ts';

void t.test('requests are counted by what they ask for, whichever way they came', async (t) => {
  const { client, send } = await startListening(t, { registry: new Registry() });
  const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'default' } };
  const count = async (labels: string): Promise<string | undefined> => {
    const { text } = await send('GET', '/metrics');
    return text
      .split('\n')
      .find((line) => line.startsWith(`apiserver_request_total{${labels}}`))
      ?.split(' ')[1];
  };
  const creations = 'verb="create",group="",resource="configmaps",subresource=""';
  await client.create(ConfigMap, map);
  t.equal(await count(`${creations},code="201"`), '1');
  await send('POST', '/api/v1/namespaces/default/configmaps', { ...map, metadata: { name: 'b' } });
  t.equal(await count(`${creations},code="201"`), '2');
  await t.rejects(client.create(ConfigMap, map), /already exists/);
  t.equal(await count(`${creations},code="409"`), '1');

  await send('GET', '/apis/made.up/v1/things');
  await send('BREW', '/api/v1/namespaces/default/configmaps');
  const { text } = await send('GET', '/metrics');
  t.notMatch(text, /made\.up|things|brew/i, 'what a client makes up becomes no label');
  t.equal(await count('verb="list",group="other",resource="other",subresource="",code="404"'), '1');
});
