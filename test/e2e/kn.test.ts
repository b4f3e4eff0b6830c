// Knative's own client against an instance: what it says is what it says on any cluster.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { cleanEnv, Instance, runProgram, type Output } from './instance.ts';
import { findKn } from '../kn.ts';

/** A wait of kn ends with what it waits for, not at its next poll; ms on a machine that is busy with other tests. */
const PROMPT = 15_000;

const kn = await findKn();
const skip = 'missing' in kn && kn.missing;

void t.test('kn finds all that it relies on', { skip }, async (t) => {
  const zeroth = await Instance.start();
  t.teardown(() => zeroth.remove());
  t.equal((await zeroth.zeroth(['build', 'examples/canary', '-t', 'canary'])).code, 0);
  const host = 'canary.default.localhost';
  const url = `http://${host}:${zeroth.httpPort}`;

  const run = (...args: string[]): Promise<Output> =>
    runProgram('path' in kn ? kn.path : '', args, undefined, { ...cleanEnv(), KUBECONFIG: zeroth.kubeconfig });
  /** What it prints, runs of spaces made one. */
  const ok = async (...args: string[]): Promise<string> => {
    const started = Date.now();
    const { code, stdout, stderr } = await run(...args);
    if (code !== 0) throw new Error(`kn ${args.join(' ')} failed (${code}): ${stderr}${stdout}`);
    const took = Date.now() - started;
    if (took > PROMPT) throw new Error(`kn ${args.join(' ')} took ${took} ms`);
    return stdout.replaceAll(/ +/g, ' ');
  };

  await t.test('service create, describe and list', async (t) => {
    const created = await ok('service', 'create', 'canary', '--image', 'canary', '--env', 'VERSION=one');
    t.match(created, /Ready to serve\./);
    t.match(created, `Service 'canary' created to latest revision 'canary-00001' is available at URL:\n${url}`);
    t.match(await zeroth.fetch(host), { status: 200, body: 'one\n' });
    const described = await ok('service', 'describe', 'canary');
    t.match(described, /^Name: canary\nNamespace: default\nAge: \d+s\nURL: http/m);
    t.match(described, /^ 100% @latest \(canary-00001\) \[1\] \(\d+s\)\n Image: canary \(pinned to [0-9a-f]{6}\)/m);
    for (const type of ['Ready', 'ConfigurationsReady', 'RoutesReady'])
      t.match(described, new RegExp(`^ \\+\\+ ${type} `, 'm'));
    t.match(await ok('service', 'list'), new RegExp(`^canary ${url} canary-00001 \\d+s 3 OK / 3 True`, 'm'));
    t.match(await run('service', 'create', 'canary', '--image', 'canary'), {
      code: 1,
      stderr: /cannot create service 'canary' in namespace 'default' because the service already exists/,
    });
  });

  await t.test('service update makes a revision, tags and traffic do not', async (t) => {
    t.match(
      await ok('service', 'update', 'canary', '--env', 'VERSION=two'),
      `Service 'canary' updated to latest revision 'canary-00002' is available at URL:`,
    );
    t.match(
      await ok(
        ...['service', 'update', 'canary', '--tag', 'canary-00001=old,@latest=now'],
        ...['--traffic', 'canary-00001=25,@latest=75'],
      ),
      `Service 'canary' with latest revision 'canary-00002' (unchanged) is available at URL:`,
    );
    t.match(await ok('service', 'describe', 'canary'), /^ 75% @latest \(canary-00002\) #now \[2\]/m);
    const revisions = await ok('revision', 'list', '-s', 'canary');
    t.match(revisions, /^canary-00002 canary 75% now 2 \d+s 4 OK \/ 4 True/m);
    t.match(revisions, /^canary-00001 canary 25% old 1 \d+s 4 OK \/ 4 True/m);
    t.match(await ok('route', 'list'), new RegExp(`^canary ${url} True`, 'm'));
    const route = await ok('route', 'describe', 'canary');
    t.match(route, `25% canary-00001 #old\n URL: http://old-canary.default.localhost:${zeroth.httpPort}`);
    for (const type of ['Ready', 'AllTrafficAssigned', 'CertificateProvisioned', 'IngressReady'])
      t.match(route, new RegExp(`^ \\+\\+ ${type} `, 'm'));
    t.match(await zeroth.fetch('old-canary.default.localhost'), { body: 'one\n' });
    await ok('service', 'update', 'canary', '--untag', 'old', '--traffic', '@latest=100');
    t.notMatch(await ok('route', 'describe', 'canary'), '#old');
    t.match(await run('service', 'update', 'canary', '--traffic', '@latest=20'), {
      code: 1,
      stderr: /unable to allocate the remaining traffic: 80%/,
    });
  });

  await t.test('what a revision can be told, and service wait', async (t) => {
    await zeroth.ok(['create', 'configmap', 'settings', '--from-literal=key=value']);
    await zeroth.ok(['create', 'secret', 'generic', 'keys', '--from-literal=k=v']);
    const updated = await ok(
      ...['service', 'update', 'canary', '--no-wait', '--cmd', 'node', '--arg', 'server.mjs'],
      ...['--scale', '1..3', '--scale-init', '1', '--scale-window', '10s', '--scale-activation', '2'],
      ...['--concurrency-limit', '5', '--concurrency-target', '3', '--concurrency-utilization', '50'],
      ...['--mount', '/etc/settings=cm:settings', '--env-from', 'secret:keys'],
      ...['--request', 'memory=32Mi', '--limit', 'memory=500Mi', '--annotation', 'a=b', '--label', 'c=d'],
      ...['--probe-readiness', 'http::0:/', '--timeout', '60', '--user', String(process.getuid?.() ?? 0)],
    );
    t.match(updated, `Service 'canary' updated in namespace 'default'.`);
    t.match(await ok('service', 'wait', 'canary'), `Service 'canary' in namespace 'default' is ready.`);
    const described = await ok('revision', 'describe', 'canary-00003');
    for (const line of [
      'Image: canary (pinned to ',
      'Env: VERSION=two',
      'EnvFrom: secret:keys',
      'Scale: 1 ... 3',
      'Limit: 5',
      'Target: 3',
      'Window: 10s',
      'TargetUtilization: 50',
      'Memory: 32Mi ... 500Mi',
      'Service: canary',
    ])
      t.match(described, line);
    for (const type of ['Ready', 'ContainerHealthy', 'ResourcesAvailable', 'Active'])
      t.match(described, new RegExp(`^ \\+\\+ ${type} `, 'm'));
    const pod = await zeroth.ok(['get', 'pods', '-l', 'serving.knative.dev/revision=canary-00003', '-o', 'name']);
    const name = pod.split('\n')[0] ?? '';
    t.equal(await zeroth.ok(['exec', name, '-c', 'user-container', '--', 'cat', '/etc/settings/key']), 'value');
    t.match(await zeroth.fetch(host), { body: 'two\n' });
  });

  await t.test('a service that cannot run makes create fail soon, with the reason', async (t) => {
    const started = Date.now();
    const failed = await run('service', 'create', 'broken', '--image', 'nowhere/nothing');
    t.equal(failed.code, 1);
    t.match(failed.stderr, /Revision(Missing|Failed): .*nowhere\/nothing/);
    t.ok(Date.now() - started < PROMPT);
    t.match(await ok('service', 'list', 'broken'), /^broken .* 0 OK \/ 3 False RevisionMissing : /m);
    await ok('service', 'delete', 'broken');
  });

  await t.test('service apply, twice the same', async (t) => {
    const apply = ['service', 'apply', 'applied', '--image', 'canary', '--env'];
    t.match(await ok(...apply, 'VERSION=a'), `Service 'applied' created to latest revision 'applied-00001'`);
    t.match(await ok(...apply, 'VERSION=a'), `No changes to apply to service 'applied'`);
    t.match(await ok(...apply, 'VERSION=b'), `Service 'applied' applied to latest revision 'applied-00002'`);
    const labels = ['service', 'update', 'applied', '--revision-name', 'mine', '--env', 'VERSION=c'];
    t.match(await ok(...labels), `Service 'applied' updated to latest revision 'applied-mine'`);
  });

  await t.test('domain create, list, describe, update and delete', async (t) => {
    const domain = 'canary.example.com';
    t.equal(
      await ok('domain', 'create', domain, '--ref', 'ksvc:canary'),
      `Domain mapping '${domain}' created in namespace 'default'.\n`,
    );
    await zeroth.ok(['wait', `domainmapping/${domain}`, '--for=condition=Ready', '--timeout=30s']);
    t.match(await ok('domain', 'list'), new RegExp(`^${domain} http://${domain}:${zeroth.httpPort} True canary`, 'm'));
    const described = await ok('domain', 'describe', domain);
    t.match(described, /Reference: \n APIVersion: serving.knative.dev\/v1\n Kind: Service\n Name: canary/);
    for (const type of ['Ready', 'CertificateProvisioned', 'DomainClaimed', 'IngressReady', 'ReferenceResolved'])
      t.match(described, new RegExp(`^ \\+\\+ ${type} `, 'm'));
    t.match(await zeroth.fetch(domain), { body: 'two\n' });
    t.match(await ok('domain', 'update', domain, '--ref', 'ksvc:applied'), `Domain mapping '${domain}' updated`);
    t.match(await ok('domain', 'delete', domain), `Domain mapping '${domain}' deleted in namespace 'default'.`);
    t.match(await ok('domain', 'list'), 'No domain mapping found.');
  });

  await t.test('export and import, with the revisions that have traffic', async (t) => {
    await ok('service', 'update', 'applied', '--traffic', 'applied-00001=50,applied-mine=50');
    const file = join(zeroth.state, 'export.yaml');
    writeFileSync(
      file,
      (await run('service', 'export', 'applied', '--with-revisions', '--mode=export', '-o', 'yaml')).stdout,
    );
    t.match(await ok('service', 'delete', 'applied', '--wait'), `Service 'applied' successfully deleted`);
    t.match(await ok('service', 'import', file, '--wait'), `Service 'applied' imported`);
    t.match(await ok('revision', 'list', '-s', 'applied'), /^applied-00001 applied 50% /m);
    await ok('service', 'delete', 'applied', '--wait');
  });

  await t.test('revision delete, and --prune', async (t) => {
    t.match(
      await ok('revision', 'delete', 'canary-00001', '--wait'),
      `Revision 'canary-00001' deleted in namespace 'default'.`,
    );
    t.match(await ok('revision', 'delete', '--prune', 'canary'), `Revision 'canary-00002' deleted`);
    t.match(await ok('revision', 'list'), /^canary-00003 canary 100% /m);
    t.match(await run('revision', 'describe', 'canary-00001'), {
      code: 1,
      stderr: /revisions.serving.knative.dev "canary-00001" not found/,
    });
  });

  await t.test('broker and trigger', async (t) => {
    t.match(await ok('broker', 'create', 'default'), `Broker 'default' successfully created in namespace 'default'.`);
    t.match(
      await ok('trigger', 'create', 'fine', '--broker', 'default', '--sink', 'ksvc:canary', '--filter', 'type=x'),
      `Trigger 'fine' successfully created in namespace 'default'.`,
    );
    await zeroth.ok(['wait', 'trigger/fine', '--for=condition=Ready', '--timeout=30s']);
    t.match(await ok('broker', 'list'), /^default http:\/\/broker-ingress\..* 7 OK \/ 7 True/m);
    t.match(await ok('trigger', 'list'), /^fine default ksvc:canary \d+s \d OK \/ \d True/m);
    t.match(await ok('trigger', 'describe', 'fine'), /^Filter: \n type: x$/m);
    t.match(await ok('trigger', 'delete', 'fine'), `Trigger 'fine' deleted`);
    t.match(await ok('broker', 'delete', 'default'), `Broker 'default' successfully deleted`);
  });

  t.match(await ok('service', 'delete', '--all', '--wait'), `Service 'canary' successfully deleted`);
  t.match(await ok('service', 'list'), 'No services found.');
});
