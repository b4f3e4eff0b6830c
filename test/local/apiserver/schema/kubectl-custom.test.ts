/** Custom resources with rules, through the real kubectl. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import t from 'tap';
import type { Test } from 'tap';
import { startListening, writeKubeconfig } from '../https.ts';
import { kubectlMissing, kubectlPath } from '../../../kubectl.ts';

const KUBECTL = await kubectlPath();
const skip = await kubectlMissing();

const DEFINITION = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: crontabs.stable.example.com }
spec:
  group: stable.example.com
  scope: Namespaced
  names: { plural: crontabs, kind: CronTab, shortNames: [ct] }
  versions:
    - name: v1
      served: true
      storage: true
      subresources: { status: {}, scale: { specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas } }
      additionalPrinterColumns:
        - { name: Spec, type: string, jsonPath: .spec.cronSpec }
        - { name: Replicas, type: integer, jsonPath: .spec.replicas, priority: 1 }
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              description: What is wanted.
              required: [cronSpec]
              x-kubernetes-validations:
                - { rule: self.replicas <= self.maxReplicas, message: too many replicas }
                - { rule: self.image == oldSelf.image, message: image is fixed }
              properties:
                cronSpec: { type: string, minLength: 9, description: The schedule. }
                image: { type: string, default: x }
                replicas: { type: integer, minimum: 1, default: 1 }
                maxReplicas: { type: integer, default: 5 }
            status: { type: object, properties: { replicas: { type: integer } } }
`;
const tab = (spec: string) => `
apiVersion: stable.example.com/v1
kind: CronTab
metadata: { name: a }
spec: { cronSpec: '* * * * */5'${spec} }
`;

async function kubectl(t: Test) {
  const started = await startListening(t);
  const kubeconfig = await writeKubeconfig(started.dir, started.url, started.pki);
  const base = ['--kubeconfig', kubeconfig, '--cache-dir', join(started.dir, 'cache')];
  return async (args: string[], input?: string) => {
    const child = spawn(KUBECTL, [...base, ...args]);
    child.stdin.on('error', () => undefined).end(input);
    let [out, err] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
    const [code] = (await once(child, 'close')) as [number];
    return { code, out, err };
  };
}

t.test('a definition with CEL rules: defaults, refusals, transitions, columns, scale', { skip }, async (t) => {
  const run = await kubectl(t);
  const patch = (change: object) => run(['patch', 'ct', 'a', '--type=merge', '-p', JSON.stringify(change)]);
  t.match(await run(['apply', '-f', '-'], DEFINITION), { code: 0, out: /created/ }, 'kubectl waits for the CEL engine');
  t.match(await run(['apply', '-f', '-'], tab('')), { code: 0, out: /created/ });
  t.match(await run(['get', 'ct', 'a', '-o', 'jsonpath={.spec.image} {.spec.replicas}']), { out: 'x 1' });
  t.match(await patch({ spec: { replicas: 7 } }), {
    err: /The CronTab "a" is invalid: spec: Invalid value: "object": too many replicas/,
  });
  t.match(await patch({ spec: { image: 'y' } }), { err: /spec: Invalid value: "object": image is fixed/ });
  t.match(await patch({ spec: { replicas: 0, cronSpec: 'x' } }), {
    err: /\* spec.cronSpec: Invalid value: "x": spec.cronSpec in body should be at least 9 chars long\n\* spec.replicas: Invalid value: 0: spec.replicas in body should be greater than or equal to 1/,
  });
  t.match(await run(['scale', 'ct', 'a', '--replicas=3']), { code: 0, out: /scaled/ });
  t.match(await run(['get', 'ct']), { out: /^NAME +SPEC\na +\* \* \* \* \*\/5\n$/ });
  t.match(await run(['get', 'ct', '-o', 'wide']), { out: /^NAME +SPEC +REPLICAS\na +\* \* \* \* \*\/5 +3\n$/ });
  t.match(await run(['apply', '-f', '-'], tab(', colour: red')), { code: 1, err: /unknown field "spec.colour"/ });
  t.match(await run(['explain', 'ct.spec', '--recursive']), {
    out: /What is wanted\.[^]*cronSpec\t<string> -required-\n/,
  });
});

t.test('kubectl explain knows built-in kinds down to their leaves', { skip }, async (t) => {
  const run = await kubectl(t);
  t.match(await run(['explain', 'deployment.spec.strategy.rollingUpdate.maxSurge']), { code: 0, out: /<IntOrString>/ });
  t.match(await run(['explain', 'pod.spec.containers', '--recursive']), {
    out: /livenessProbe\t<Probe>\n[^]*httpGet\t<HTTPGetAction>/,
  });
  t.match(await run(['explain', 'pod.spec.nothing']), { code: 1, err: /field "nothing" does not exist/ });
});
