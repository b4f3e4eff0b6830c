import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parse } from 'yaml';
import type { ConfigMap } from '../../../../api/core.ts';
import { parseAutoscalerLimits } from '../../../../serving/controller/config/autoscaler.ts';
import { DEPLOYMENT_KEYS, parseDeployment } from '../../../../serving/controller/config/deployment.ts';
import { FEATURE_DEFAULTS, parseFeatures } from '../../../../serving/controller/config/features.ts';
import { parseGc } from '../../../../serving/controller/config/gc.ts';
import { parseLeaderElection } from '../../../../serving/controller/config/leader-election.ts';
import { NETWORK_KEYS } from '../../../../serving/controller/config/network.ts';
import { validateConfigMap } from '../../../../serving/controller/config/validate.ts';

type Data = Record<string, string>;

const FOLDER = 'config/core/serving';
const CASES = 'test/serving/controller/config/cases/accepted.yaml';
const maps = readdirSync(FOLDER)
  .filter((file) => file.startsWith('config-'))
  .map((file) => parse(readFileSync(join(FOLDER, file), 'utf8')) as ConfigMap);
const examples = new Map(
  maps.map(({ metadata, data }) => [metadata.name, (parse(data?.['_example'] ?? '') ?? {}) as Data]),
);

t.test('an example may be copied whole', (t) => {
  t.equal(examples.size, 12);
  for (const [name, data] of examples) {
    const map: ConfigMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data };
    t.equal(validateConfigMap(map), undefined, name);
  }
  t.end();
});

t.test('every key is in the example of its map', (t) => {
  const keysOf = (name: string) => Object.keys(examples.get(`config-${name}`) ?? {});
  const missing = (name: string, keys: readonly string[]) => keys.filter((key) => !keysOf(name).includes(key));
  t.strictSame(missing('features', [...Object.keys(FEATURE_DEFAULTS), 'secure-pod-defaults']), []);
  t.strictSame(missing('deployment', DEPLOYMENT_KEYS), []);
  t.strictSame(missing('network', Object.keys(NETWORK_KEYS)), []);
  // Keys of the cases, but for older spellings and those of a user's own.
  const accepted = parse(readFileSync(CASES, 'utf8')) as Record<string, { data: Data }[]>;
  for (const name of ['autoscaler', 'defaults', 'gc', 'observability', 'logging', 'leader-election', 'certmanager']) {
    const keys = (accepted[`config-${name}`] ?? []).flatMap(({ data }) => Object.keys(data));
    const known = keys.filter((key) => name === 'certmanager' || /^[a-z.-]+$/.test(key));
    t.strictSame(
      missing(
        name,
        known.filter((key) => key !== 'unheard-of' && !key.startsWith('map-lease-prefix')),
      ),
      [],
      name,
    );
  }
  t.end();
});

t.test('the examples are the defaults', (t) => {
  const example = (name: string) => examples.get(`config-${name}`) ?? {};
  t.strictSame(parseAutoscalerLimits(example('autoscaler')), parseAutoscalerLimits({}));
  t.strictSame(parseDeployment(example('deployment')), parseDeployment({}));
  t.strictSame(parseFeatures(example('features')), parseFeatures({}));
  t.strictSame(parseGc(example('gc')), parseGc({}));
  t.strictSame(parseLeaderElection(example('leader-election')), parseLeaderElection({}));
  t.end();
});
