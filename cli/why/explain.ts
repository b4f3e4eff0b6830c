/** The explanation of any object that one is known for. */
import { PodAutoscaler } from '../../api/autoscaling/pod-autoscaler.ts';
import { Deployment, Pod, ReplicaSet } from '../../api/core.ts';
import { Broker } from '../../api/eventing/broker.ts';
import { Trigger } from '../../api/eventing/trigger.ts';
import { Certificate } from '../../api/networking/certificate.ts';
import { Ingress } from '../../api/networking/ingress.ts';
import type { KubeObject } from '../../api/object.ts';
import type { ResourceType } from '../../api/resource.ts';
import { Configuration } from '../../api/serving/configuration.ts';
import { DomainMapping } from '../../api/serving/domain-mapping.ts';
import { Revision } from '../../api/serving/revision.ts';
import { Route } from '../../api/serving/route.ts';
import { Service } from '../../api/serving/service.ts';
import type { Finding } from './diagnosis.ts';
import { explainBroker, explainTrigger } from './eventing.ts';
import { isKind, type Graph } from './graph.ts';
import { explainCertificate, explainDomainMapping, explainIngress } from './networking.ts';
import {
  explainConfiguration,
  explainPodAutoscaler,
  explainRevision,
  explainRoute,
  explainService,
} from './serving.ts';
import { explainDeployment, explainPod, explainReplicaSet } from './workload.ts';

interface Explained {
  readonly type: ResourceType;
  explain(graph: Graph, object: KubeObject): Finding | undefined;
}

function explained<T extends KubeObject>(
  type: ResourceType<T>,
  explain: (graph: Graph, object: T) => Finding,
): Explained {
  const is = (object: KubeObject): object is T => isKind(object, type);
  return { type, explain: (graph, object) => (is(object) ? explain(graph, object) : undefined) };
}

/** In the order in which a bare name is looked up: what people write themselves first. */
export const EXPLAINED: readonly Explained[] = [
  explained(Service, explainService),
  explained(Broker, explainBroker),
  explained(Trigger, (graph, trigger) => explainTrigger(graph, trigger, explainObject)),
  explained(DomainMapping, (graph, mapping) => explainDomainMapping(graph, mapping, explainObject)),
  explained(Route, explainRoute),
  explained(Configuration, explainConfiguration),
  explained(Revision, explainRevision),
  explained(PodAutoscaler, explainPodAutoscaler),
  explained(Ingress, explainIngress),
  explained(Certificate, explainCertificate),
  explained(Deployment, explainDeployment),
  explained(ReplicaSet, explainReplicaSet),
  explained(Pod, explainPod),
];

/** Undefined for a kind that nothing is known about. */
export function explainObject(graph: Graph, object: KubeObject): Finding | undefined {
  return EXPLAINED.find(({ type }) => isKind(object, type))?.explain(graph, object);
}
