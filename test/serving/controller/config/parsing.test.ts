import fc from 'fast-check';
import t from 'tap';
import { formatDuration, parseDuration } from '../../../../kube/go-duration.ts';
import { ConfigError } from '../../../../serving/controller/config/parse.ts';
import { parseDefaults } from '../../../../serving/controller/config/defaults.ts';
import { parseDeployment, runtimeClassFor } from '../../../../serving/controller/config/deployment.ts';
import { domainForLabels, parseDomain } from '../../../../serving/controller/config/domain.ts';
import { FEATURE_DEFAULTS, parseFeatures } from '../../../../serving/controller/config/features.ts';
import { parseGc } from '../../../../serving/controller/config/gc.ts';
import { parseNetwork } from '../../../../serving/controller/config/network.ts';
import { compileTemplate } from '../../../../serving/controller/config/template.ts';
import { exampleChecksum, validateConfigMap } from '../../../../serving/controller/config/validate.ts';
import { parseQuantity } from '../../../../kube/quantity.ts';
import { parseImage } from '../../../../serving/controller/revision/image-reference.ts';
import { adler32 } from '../../../../serving/controller/certificate/adler32.ts';

const HOUR = 3_600_000;

t.test('Go durations', (t) => {
  for (const [text, ms] of [
    ['0', 0],
    ['10s', 10_000],
    ['1h30m', 90 * 60_000],
    ['1.5h', 90 * 60_000],
    ['-2m', -120_000],
    ['+1s', 1_000],
    ['100ms', 100],
    ['1us', 0.001],
    ['1µs', 0.001],
    ['.5s', 500],
    ['', undefined],
    ['10', undefined],
    ['1d', undefined],
    ['1h 2m', undefined],
    ['s', undefined],
    ['1..2s', undefined],
  ] as const)
    t.equal(parseDuration(text), ms, text);
  for (const [ms, text] of [
    [0, '0s'],
    [6_000, '6s'],
    [HOUR, '1h0m0s'],
    [90_000, '1m30s'],
    [1_500, '1.5s'],
    [250, '250ms'],
    [-1_000, '-1s'],
  ] as const)
    t.equal(formatDuration(ms), text);
  fc.assert(
    fc.property(fc.integer({ min: -(10 ** 9), max: 10 ** 9 }), (ms) => parseDuration(formatDuration(ms)) === ms),
  );
  t.end();
});

t.test('quantities', (t) => {
  for (const [text, value] of [
    ['100m', 0.1],
    ['1', 1],
    ['1.5Gi', 1.5 * 2 ** 30],
    ['2e3', 2000],
    ['1E', 1e18],
    ['-1Mi', -(2 ** 20)],
    ['much', undefined],
    ['1 Gi', undefined],
    ['', undefined],
  ] as const)
    t.equal(parseQuantity(text), value, text);
  t.end();
});

t.test('image references', (t) => {
  const digest = `sha256:${'0'.repeat(64)}`;
  for (const [image, expected] of [
    ['hello', ['index.docker.io', 'hello', undefined, undefined]],
    ['hello:v1', ['index.docker.io', 'hello', 'v1', undefined]],
    ['user/hello', ['index.docker.io', 'user/hello', undefined, undefined]],
    ['localhost:5000/a/b:x', ['localhost:5000', 'a/b', 'x', undefined]],
    ['localhost/a', ['localhost', 'a', undefined, undefined]],
    ['gcr.io/a/b@' + digest, ['gcr.io', 'a/b', undefined, digest]],
    ['dev.local/a', ['dev.local', 'a', undefined, undefined]],
  ] as const) {
    const found = parseImage(image);
    t.strictSame(found && [found.registry, found.repository, found.tag, found.digest], expected, image);
  }
  for (const image of ['', 'Hello', 'a b', 'a:', 'a@sha256:1', '/a', 'a//b', 'a:b c', 'http://a/b'])
    t.equal(parseImage(image), undefined, image);
  t.end();
});

t.test('Adler-32 as RFC 1950 has it', (t) => {
  t.equal(adler32('Wikipedia'), 0x11e60398);
  t.equal(adler32(''), 1);
  t.end();
});

t.test('templates', (t) => {
  const data = { Name: 'n', Namespace: 's', Domain: 'd', Labels: { team: 'a' }, Annotations: { 'x/y': 'z' } };
  for (const [source, text] of [
    ['{{.Name}}.{{.Namespace}}.{{.Domain}}', 'n.s.d'],
    ['{{ .Name }}', 'n'],
    ['a {{- .Name -}} b', 'anb'],
    ['{{.Labels.team}}-{{.Name}}', 'a-n'],
    ['{{index .Annotations "x/y"}}', 'z'],
    ['{{index .Annotations "none"}}.', '.'],
    ['plain', 'plain'],
  ] as const)
    t.equal(compileTemplate(source).render(data), text, source);
  for (const source of ['{{.Name', '{{range .X}}', '{{printf "%s" .Name}}'])
    t.throws(() => compileTemplate(source), ConfigError, source);
  t.throws(() => compileTemplate('{{.Nothing}}').render(data), ConfigError);
  t.end();
});

t.test('what holds when nothing is said', (t) => {
  const defaults = parseDefaults({});
  t.match(defaults, {
    revisionTimeout: 300,
    maxRevisionTimeout: 600,
    revisionResponseStartTimeout: 300,
    revisionIdleTimeout: 0,
    requests: {},
    limits: {},
    containerConcurrency: 0,
    containerConcurrencyMax: 1000,
    allowContainerConcurrencyZero: true,
    enableServiceLinks: false,
  });
  t.strictSame(parseDeployment({}), {
    registriesSkippingTagResolving: ['kind.local', 'ko.local', 'dev.local'],
    digestResolutionTimeout: 10_000,
    progressDeadline: 600_000,
    spreadOverNodes: true,
    runtimeClasses: [],
    podIsAlwaysSchedulable: false,
  });
  t.strictSame(parseGc({}), {
    retainSinceCreate: 48 * HOUR,
    retainSinceLastActive: 15 * HOUR,
    minNonActive: 20,
    maxNonActive: 1000,
  });
  t.match(parseNetwork({}), {
    ingressClass: 'zeroth.ingress.networking.knative.dev',
    externalDomainTls: false,
    httpProtocol: 'Enabled',
    externalScheme: 'http',
    rolloutDuration: 0,
    autocreateClusterDomainClaims: false,
    externalPort: undefined,
  });
  t.strictSame(parseFeatures({}), { flags: { ...FEATURE_DEFAULTS }, securePodDefaults: 'Disabled' });
  t.end();
});

t.test('flags are read whatever their case, and nonsense is passed over', (t) => {
  const { flags, securePodDefaults } = parseFeatures({
    'multi-container': 'DISABLED',
    'kubernetes.podspec-affinity': 'Allowed',
    'kubernetes.podspec-fieldref': 'perhaps',
    'secure-pod-defaults': 'allowRootBounded',
  });
  t.equal(flags['multi-container'], 'Disabled');
  t.equal(flags['kubernetes.podspec-affinity'], 'Allowed');
  t.equal(flags['kubernetes.podspec-fieldref'], 'Disabled');
  t.equal(securePodDefaults, 'AllowRootBounded');
  t.end();
});

t.test('the most specific domain wins', (t) => {
  const config = parseDomain({
    'example.com': '',
    'a.example.org': 'selector:\n  app: prod\n',
    'b.example.org': 'selector:\n  app: prod\n',
    'eu.example.org': 'selector:\n  app: prod\n  region: eu\n',
  });
  for (const [labels, domain] of [
    [{}, 'example.com'],
    [{ app: 'prod' }, 'a.example.org'],
    [{ app: 'prod', region: 'eu' }, 'eu.example.org'],
    [{ app: 'test' }, 'example.com'],
    [{ 'networking.knative.dev/visibility': 'cluster-local', app: 'prod' }, 'svc.cluster.local'],
  ] as const)
    t.equal(domainForLabels(config, labels), domain);
  t.equal(domainForLabels(parseDomain({}), {}), 'svc.cluster.local');
  t.end();
});

t.test('runtime classes by label', (t) => {
  const config = parseDeployment({
    'runtime-class-name': 'kata:\n  selector:\n    trust: low\ngvisor: {}\n',
  });
  t.equal(runtimeClassFor(config, {}), 'gvisor');
  t.equal(runtimeClassFor(config, { trust: 'low' }), 'kata');
  t.end();
});

t.test('a ConfigMap that makes no sense is refused', (t) => {
  for (const [name, data, why] of [
    ['config-defaults', { 'revision-timeout-seconds': '700' }, /cannot be greater than max-revision-timeout-seconds/],
    ['config-defaults', { 'revision-timeout-seconds': 'long' }, /failed to parse "revision-timeout-seconds"/],
    ['config-defaults', { 'container-concurrency': '2000' }, /expected 0 <= 2000 <= 1000/],
    ['config-defaults', { 'container-concurrency-max-limit': '0' }, /must be at least 1/],
    ['config-defaults', { 'revision-cpu-request': 'lots' }, /"revision-cpu-request": "lots" is not a quantity/],
    ['config-defaults', { 'container-name-template': '{{.Nope}}' }, /can't evaluate field Nope/],
    ['config-deployment', { 'progress-deadline': '-1s' }, /non-positive duration/],
    ['config-deployment', { 'progress-deadline': '1500ms' }, /whole second/],
    ['config-deployment', { 'digest-resolution-timeout': '0s' }, /non-positive duration/],
    ['config-deployment', { 'default-affinity-type': 'close' }, /unsupported default-affinity-type/],
    ['config-domain', { 'a.com': 'selector: x' }, /expected "selector:"/],
    ['config-domain', { 'a.com': 'selector: [' }, /failed to parse "a.com"/],
    ['config-gc', { 'min-non-active-revisions': '-1' }, /must be non-negative/],
    ['config-gc', { 'max-non-active-revisions': '2' }, /must be <= max-non-active-revisions/],
    ['config-gc', { 'retain-since-create-time': 'long' }, /neither a duration nor "disabled"/],
    ['config-network', { 'rollout-duration': '-3' }, /must be a positive integer/],
    ['config-network', { 'http-protocol': 'gopher' }, /is not supported/],
    ['config-network', { 'domain-template': '{{.Name}}/{{.Domain}}' }, /is not a host name alone/],
    ['config-network', { 'tag-template': '{{.Tag}}_{{.Name}}' }, /cannot be part of a host name/],
    ['config-network', { 'namespace-wildcard-cert-selector': 'team: a' }, /expected a label selector/],
    ['config-network', { 'zeroth.external-port': '99999' }, /expected 1 <= 99999 <= 65535/],
    ['config-autoscaler', { 'initial-scale': '0' }, /initial-scale = 0/],
    ['config-autoscaler', { 'container-concurrency-target-percentage': '0' }, /outside of valid range/],
    ['config-autoscaler', { 'container-concurrency-target-default': '0' }, /yield target concurrency of 0/],
    ['config-autoscaler', { 'requests-per-second-target-default': '0' }, /must be at least 0.01/],
    ['config-autoscaler', { 'target-burst-capacity': '-2' }, /non-negative or -1/],
    ['config-autoscaler', { 'activator-capacity': '0' }, /must be at least 1/],
    ['config-autoscaler', { 'max-scale-up-rate': '1' }, /must be greater than 1.0/],
    ['config-autoscaler', { 'max-scale-down-rate': '0.5' }, /must be greater than 1.0/],
    ['config-autoscaler', { 'scale-to-zero-grace-period': '0s' }, /must be positive/],
    ['config-autoscaler', { 'scale-down-delay': '-1s' }, /cannot be negative/],
    ['config-autoscaler', { 'scale-down-delay': '1500ms' }, /at most second precision/],
    ['config-autoscaler', { 'scale-to-zero-pod-retention-period': '-1s' }, /cannot be negative/],
    ['config-autoscaler', { 'stable-window': '5s' }, /must be in \[6s; 1h0m0s\] range/],
    ['config-autoscaler', { 'stable-window': '6500ms' }, /at most second precision/],
    ['config-autoscaler', { 'panic-window-percentage': '0' }, /must be in \[1, 100\] interval/],
    ['config-autoscaler', { 'min-scale': '3', 'max-scale': '2' }, /max-scale = 2/],
    ['config-autoscaler', { 'max-scale-limit': '5' }, /max-scale = 0/],
  ] as const) {
    const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { ...data } };
    t.match(validateConfigMap(map), why, `${name} ${JSON.stringify(data)}`);
  }
  for (const name of ['autoscaler', 'defaults', 'deployment', 'domain', 'features', 'gc', 'network', 'observability']) {
    const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `config-${name}` } };
    t.equal(validateConfigMap(map), undefined, `an empty config-${name} is fine`);
  }
  const guarded = (example: string, checksum: string) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'config-gc', annotations: { 'knative.dev/example-checksum': checksum } },
    data: { _example: example },
  });
  t.equal(validateConfigMap(guarded('a: b\n', exampleChecksum('a: b'))), undefined, 'blanks around do not count');
  t.match(validateConfigMap(guarded('a: c\n', exampleChecksum('a: b'))), /modifies a key in "_example"/);
  t.equal(exampleChecksum('123456789'), 'cbf43926', 'CRC-32, the IEEE one');
  t.end();
});
