/** The Ingress of a Route: host names to weighted splits. Source: reference sections 2.2 and 2.5. */
import { Ingress, type IngressPath, type IngressRule, type IngressSplit } from '../../../../api/networking/ingress.ts';
import { apiVersionOf } from '../../../../api/resource.ts';
import { Route } from '../../../../api/serving/route.ts';
import { childName } from '../../../../kube/names.ts';
import { controllerRef } from '../../../../kube/reconciler.ts';
import type { NetworkConfig } from '../../config/network.ts';
import type { FeaturesConfig } from '../../config/features.ts';
import {
  firstOf,
  HTTP_PROTOCOL,
  INGRESS_CLASS,
  LAST_APPLIED,
  ROLLOUT_ANNOTATION,
  ROUTE_LABEL,
  ROUTE_NAMESPACE_LABEL,
  TAG_TO_HOST_ANNOTATION,
  union,
  without,
  type StringMap,
} from '../../keys.ts';
import { DEFAULT_TARGET, expandHost, hostOf, type NamingConfig, type Visibility } from '../domains.ts';
import { formatRollout, sharesOf, type Rollout } from '../rollout.ts';
import type { RevisionTarget, TrafficPlan } from '../traffic.ts';

export interface IngressInputs {
  readonly plan: TrafficPlan;
  readonly rollout: Rollout;
  readonly visibility: ReadonlyMap<string, Visibility>;
  readonly tls: NonNullable<Ingress['spec']['tls']>;
  /** Paths that must be answered on a host before all others (certificate challenges). */
  readonly challenges: ReadonlyMap<string, readonly IngressPath[]>;
  readonly config: NamingConfig & { readonly features: FeaturesConfig };
}

const TAG_HEADER = 'Knative-Serving-Tag';
const DEFAULT_ROUTE_HEADER = 'Knative-Serving-Default-Route';

/** Spellings that the Ingress does not repeat beside the one it is read by. */
const ALIASES: readonly string[] = ['networking.knative.dev/ingress-class', 'networking.knative.dev/certificate-class'];

export function ingressName(route: Route): string {
  return childName(route.metadata.name, '');
}

export function makeIngress(route: Route, inputs: IngressInputs): Ingress {
  const { name, namespace = '', labels, annotations } = route.metadata;
  const { network } = inputs.config;
  const { rules, tagToHost } = makeRules(route, inputs);
  const httpOption = httpOptionOf(annotations, network);
  return {
    apiVersion: apiVersionOf(Ingress),
    kind: Ingress.kind,
    metadata: {
      name: ingressName(route),
      namespace,
      labels: union(labels, { [ROUTE_LABEL]: name, [ROUTE_NAMESPACE_LABEL]: namespace }),
      annotations: {
        [ROLLOUT_ANNOTATION]: formatRollout(inputs.rollout),
        ...without(annotations, (key) => key === LAST_APPLIED || ALIASES.includes(key)),
        [INGRESS_CLASS[0]]: ingressClassOf(annotations, network),
        ...(Object.keys(tagToHost).length === 0 ? {} : { [TAG_TO_HOST_ANNOTATION]: JSON.stringify(tagToHost) }),
      },
      ownerReferences: [controllerRef(route, Route)],
    },
    spec: {
      rules,
      ...(inputs.tls.length === 0 ? {} : { tls: [...inputs.tls] }),
      ...(httpOption === undefined ? {} : { httpOption }),
    },
  };
}

function makeRules(route: Route, inputs: IngressInputs): { rules: IngressRule[]; tagToHost: Record<string, string[]> } {
  const { plan, visibility, config } = inputs;
  const byHeader = config.features.flags['tag-header-based-routing'] === 'Enabled';
  const tags = [...plan.groups.keys()].sort();
  const rules: IngressRule[] = [];
  const tagToHost: Record<string, string[]> = {};
  for (const tag of tags) {
    const views: Visibility[] =
      visibility.get(tag) === 'ClusterLocal' ? ['ClusterLocal'] : ['ClusterLocal', 'ExternalIP'];
    for (const view of views) {
      const host = hostOf(route, tag, view, config);
      const own = makePath(route, plan.groups.get(tag) ?? [], tag, inputs);
      const paths = byHeader ? withTagHeader(route, tag, own, tags, inputs) : [own];
      const challenges = view === 'ExternalIP' ? (inputs.challenges.get(host) ?? []) : [];
      rules.push({ hosts: expandHost(host, view), visibility: view, http: { paths: [...challenges, ...paths] } });
      if (tag !== DEFAULT_TARGET) (tagToHost[tag] ??= []).push(host);
    }
  }
  return { rules, tagToHost };
}

function makePath(
  route: Route,
  targets: readonly RevisionTarget[],
  tag: string,
  { rollout, config }: IngressInputs,
): IngressPath {
  const namespace = route.metadata.namespace ?? '';
  const splits = targets
    .filter(({ percent }) => percent > 0)
    .flatMap(({ revisionName, percent, latestRevision, configurationName, protocol }): IngressSplit[] => {
      const shares = (latestRevision ? sharesOf(rollout, tag, configurationName) : undefined) ?? [
        { revisionName, percent },
      ];
      const servicePort = config.network.systemInternalTls ? 443 : protocol === 'h2c' ? 81 : 80;
      return shares.map((share) => ({
        serviceNamespace: namespace,
        serviceName: share.revisionName,
        servicePort,
        percent: share.percent,
        appendHeaders: {
          'Knative-Serving-Namespace': namespace,
          'Knative-Serving-Revision': share.revisionName,
        },
      }));
    });
  return { splits };
}

/** The default host also answers to a header naming a tag; every path says how the request came to it. */
function withTagHeader(
  route: Route,
  tag: string,
  own: IngressPath,
  tags: readonly string[],
  inputs: IngressInputs,
): IngressPath[] {
  if (tag !== DEFAULT_TARGET) return [{ ...own, appendHeaders: { [TAG_HEADER]: tag } }];
  const byHeader = tags
    .filter((other) => other !== DEFAULT_TARGET)
    .map((other) => ({
      ...makePath(route, inputs.plan.groups.get(other) ?? [], other, inputs),
      headers: { [TAG_HEADER]: { exact: other } },
    }));
  return [...byHeader, { ...own, appendHeaders: { [DEFAULT_ROUTE_HEADER]: 'true' } }];
}

export function ingressClassOf(annotations: StringMap | undefined, network: NetworkConfig): string {
  return firstOf(annotations, INGRESS_CLASS) ?? network.ingressClass;
}

/** Reason and message of a Route or DomainMapping whose Ingress nobody has said anything about yet. */
export function notConfigured(annotations: StringMap | undefined, network: NetworkConfig): [string, string] {
  const wanted = ingressClassOf(annotations, network);
  const message = `Ingress has not yet been reconciled. It waits for the gateway of ingress class "${wanted}".`;
  return ['IngressNotConfigured', message];
}

/** What becomes of plain HTTP: the annotation's word, else the cluster's; undefined where there is none to speak of. */
export function httpOptionOf(
  annotations: StringMap | undefined,
  network: NetworkConfig,
): Ingress['spec']['httpOption'] {
  switch (firstOf(annotations, HTTP_PROTOCOL)?.toLowerCase()) {
    case 'enabled':
      return 'Enabled';
    case 'redirected':
      return 'Redirected';
    default:
      return network.httpProtocol === 'Disabled' ? undefined : network.httpProtocol;
  }
}
