/** Why an Ingress, a Certificate or a DomainMapping is not ready. */
import { ClusterDomainClaim, Certificate } from '../../api/networking/certificate.ts';
import { Ingress, INGRESS_CLASS_ANNOTATION, ZEROTH_INGRESS_CLASS } from '../../api/networking/ingress.ts';
import type { DomainMapping } from '../../api/serving/domain-mapping.ts';
import { shellWord } from '../shell-word.ts';
import { because, cause, ok, type Finding } from './diagnosis.ts';
import { all, find, groupOf, isAbsent, type Explain, type Graph } from './graph.ts';
import { notLookedAt } from './unseen.ts';
import { applyCommand, condition, inNamespace, isReady, nearest, stepOf } from './words.ts';
import { running } from './workload.ts';

export function explainIngress(graph: Graph, ingress: Ingress): Finding {
  const step = stepOf(ingress, condition(ingress, 'Ready'));
  const { name, annotations = {} } = ingress.metadata;
  const hosts = [...new Set(ingress.spec.rules.flatMap((rule) => rule.hosts))];
  if (isReady(ingress)) return ok(step, [{ name: 'hosts', text: hosts.join(', ') }]);
  const className = annotations[INGRESS_CLASS_ANNOTATION] ?? '';
  const early = notLookedAt(graph, ingress);
  if (early !== undefined && ingress.metadata.deletionTimestamp === undefined)
    return cause(
      early.steps[0] ?? step,
      className === ZEROTH_INGRESS_CLASS
        ? `no gateway has taken up Ingress ${name}: is the activator running?`
        : `nobody has taken up Ingress ${name} of class "${className}": is its controller installed?`,
      className === ZEROTH_INGRESS_CLASS
        ? [running(graph)]
        : [
            running(graph),
            {
              run: `kubectl patch configmap config-network -n knative-serving --type merge -p '{"data":{"ingress-class":"${ZEROTH_INGRESS_CLASS}"}}'`,
              why: 'have new Routes served by the activator',
            },
          ],
    );
  if (early !== undefined) return early;
  return cause(step, step.text ?? `Ingress ${name} is not served yet`, [running(graph)]);
}

export function explainCertificate(graph: Graph, certificate: Certificate): Finding {
  const { name, namespace } = certificate.metadata;
  const step = stepOf(certificate, condition(certificate, 'Ready'));
  const names = certificate.spec.dnsNames.join(', ');
  if (isReady(certificate)) {
    const { notAfter } = certificate.status ?? {};
    return ok(step, [
      { name: 'names', text: names },
      ...(notAfter === undefined ? [] : [{ name: 'valid until', text: notAfter }]),
    ]);
  }
  const early = notLookedAt(graph, certificate);
  const challenges = certificate.status?.http01Challenges ?? [];
  const next = [
    {
      run: `kubectl describe certificates.networking.internal.knative.dev ${shellWord(name)}${inNamespace(graph, namespace)}`,
      why: 'its conditions and events',
    },
  ];
  if (early !== undefined)
    return cause(
      early.steps[0] ?? step,
      `nobody has made the certificate for ${names} yet: its class is ${certificate.metadata.annotations?.['networking.knative.dev/certificate.class'] ?? 'not set'}`,
      [...next, running(graph)],
    );
  const waits =
    challenges.length === 0
      ? ''
      : `; it waits for the challenge at ${challenges.map(({ url }) => url ?? '').join(', ')}`;
  return cause(
    step,
    `the certificate for ${names} is not there${step.text === undefined ? '' : `: ${step.text}`}${waits}`,
    next,
  );
}

/** @param explain for what it leads to */
export function explainDomainMapping(graph: Graph, mapping: DomainMapping, explain: Explain): Finding {
  const { name, namespace } = mapping.metadata;
  const early = notLookedAt(graph, mapping);
  if (early !== undefined) return early;
  const step = stepOf(mapping, condition(mapping, 'Ready'));
  if (isReady(mapping))
    return ok(step, [
      ...(mapping.status?.url === undefined ? [] : [{ name: 'url', text: mapping.status.url }]),
      { name: 'leads to', text: `${mapping.spec.ref.kind} ${mapping.spec.ref.name}` },
    ]);
  const claimed = condition(mapping, 'DomainClaimed');
  if (claimed?.status === 'False') return claimFinding(graph, mapping, stepOf(mapping, claimed));
  const { ref } = mapping.spec;
  const group = ref.group ?? groupOf({ apiVersion: ref.apiVersion ?? '' });
  const target = graph.objects.find(
    (one) => one.kind === ref.kind && groupOf(one) === group && one.metadata.name === ref.name,
  );
  const resolved = condition(mapping, 'ReferenceResolved');
  if (target === undefined && (isAbsent(graph, { kind: ref.kind, group }, ref.name) || resolved?.status === 'False')) {
    const [near] = nearest(
      ref.name,
      graph.objects.filter((one) => one.kind === ref.kind).map((one) => one.metadata.name),
    );
    const there = isAbsent(graph, { kind: ref.kind, group }, ref.name);
    return cause(
      { ...step, state: 'failed' },
      there
        ? `it leads to the ${ref.kind} ${ref.name}, which does not exist${near === undefined ? '' : `; did you mean ${near}?`}`
        : `its target ${ref.kind} ${ref.name} has no address: ${resolved?.message ?? ''}`,
      [
        {
          run: `kubectl patch domainmapping ${shellWord(name)}${inNamespace(graph, namespace)} --type merge -p '{"spec":{"ref":{"name":"${near ?? 'NAME'}"}}}'`,
          why: 'let it lead to one that exists',
        },
        {
          run: `zeroth get ${ref.kind === 'Service' && group === 'serving.knative.dev' ? 'ksvc' : ref.kind.toLowerCase()}${inNamespace(graph, namespace)}`,
          why: 'which there are',
        },
      ],
    );
  }
  if (target !== undefined) {
    const finding = explain(graph, target);
    if (finding !== undefined && finding.state !== 'ok') return because(step, finding);
  }
  const certificate = condition(mapping, 'CertificateProvisioned');
  if (certificate !== undefined && certificate.status !== 'True' && certificate.reason !== undefined) {
    const failing = all(graph, Certificate).find(
      (one) => one.metadata.namespace === namespace && one.spec.dnsNames.includes(name) && !isReady(one),
    );
    if (failing !== undefined) return because(step, explainCertificate(graph, failing));
  }
  const ingress = find(graph, Ingress, namespace, name);
  if (ingress !== undefined) {
    const finding = explainIngress(graph, ingress);
    if (finding.state !== 'ok') return because(step, finding);
  }
  return cause(step, step.text ?? `DomainMapping ${name} is not served yet`, [running(graph)]);
}

function claimFinding(
  graph: Graph,
  { metadata: { name, namespace } }: DomainMapping,
  step: Finding['steps'][number],
): Finding {
  const claim = find(graph, ClusterDomainClaim, undefined, name);
  if (claim === undefined)
    return cause(
      step,
      `nobody has claimed the domain ${name} for namespace ${namespace ?? ''}, and claims are not made by themselves here`,
      [
        {
          run: applyCommand(
            {
              apiVersion: 'networking.internal.knative.dev/v1alpha1',
              kind: 'ClusterDomainClaim',
              metadata: { name },
              spec: { namespace },
            },
            '',
          ),
          why: 'claim it',
        },
        {
          run: `kubectl patch configmap config-network -n knative-serving --type merge -p '{"data":{"autocreate-cluster-domain-claims":"true"}}'`,
          why: 'or have every DomainMapping claim its domain',
        },
      ],
    );
  if (claim.spec.namespace !== namespace)
    return cause(step, `the domain ${name} is claimed by namespace ${claim.spec.namespace}`, [
      { run: `kubectl get domainmapping ${shellWord(name)} -n ${shellWord(claim.spec.namespace)}`, why: 'who uses it' },
      { run: `kubectl delete clusterdomainclaim ${shellWord(name)}`, why: 'free it, if nobody does' },
    ]);
  return cause(step, step.text ?? `the domain ${name} is not claimed yet`);
}
