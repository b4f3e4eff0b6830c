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
    ['{{if .Labels.team}}{{.Labels.team}}-{{end}}{{.Name}}', 'a-n'],
    ['{{if .Labels.none}}x{{else if eq .Namespace "s" "t"}}y{{else}}z{{end}}', 'y'],
    ['{{with .Labels}}{{.team}}-{{$.Name}}{{else}}none{{end}}', 'a-n'],
    ['{{/* why */}}{{.Name | printf "%s-%q" .Domain}}', 'd-"n"'],
    ['{{if and (ne .Name "") (not .Labels.none)}}{{slice .Namespace 0 1}}{{end}}', 's'],
    ['{{or .Labels.none "}}"}}', '}}'],
    ['{{len .Name}}{{print 1 true `a`}}', '11 truea'],
    ['{{.Labels.none}}', '<no value>'],
  ] as const)
    t.equal(compileTemplate('x', source).render(data), text, source);
  for (const [source, message] of [
    ['{{.Name', 'template: x:1: unclosed action'],
    ['{{nothing}}', 'template: x:1: function "nothing" not defined'],
    ['\n{{if .Name}}', 'template: x:2: unexpected EOF'],
    ['{{end}}', 'template: x:1: unexpected {{end}}'],
    ['{{}}', 'template: x:1: missing value for command'],
    ['{{range .X}}{{end}}', 'template: x:1: function "range" not defined'],
  ] as const)
    t.throws(() => compileTemplate('x', source), new ConfigError(message), source);
  t.throws(
    () => compileTemplate('domain-template', 'a{{.Nothing}}').render(data),
    new ConfigError(
      'template: domain-template:1:3: executing "domain-template" at <.Nothing>: can\'t evaluate field Nothing in type config.DomainTemplateValues',
    ),
  );
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

t.test('an example that was edited is refused', (t) => {
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
