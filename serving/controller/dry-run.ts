/**
 * Dry run of a template's pod: what only the API server can tell of a pod is told when the Service is written, not when
 * its revision fails. Done for every dry run, and where the annotation or config-features asks for it.
 * Source: knative/serving "podspec-dryrun" (reference section 1.5).
 */
import { Pod } from '../../api/core.ts';
import type { KubeObject } from '../../api/object.ts';
import { resourcePath } from '../../api/resource.ts';
import type { Revision, RevisionSpec } from '../../api/serving/revision.ts';
import type { AdmissionContext, AdmissionQuestion } from '../../kube/admission.ts';
import { asStatus, TransportError } from '../../kube/errors.ts';
import { DRY_RUN, SERVICE_LABEL } from './keys.ts';
import { makePodSpec, type PodConfig } from './revision/resources/pod.ts';
import { servingContext, type ServingContext } from './validation/context.ts';
import { parseDeployment } from './config/deployment.ts';
import { parseObservability } from './config/observability.ts';

/** `strict`: webhooks for pods that cannot be dry-run are no excuse. */
type Mode = 'off' | 'on' | 'strict';

type Templated = KubeObject & { readonly spec?: { readonly template?: { readonly spec?: RevisionSpec } } };

/** @returns why the object is refused, after `validation callback failed: `; undefined when it is not */
export type DryRun = (...asked: Parameters<AdmissionQuestion>) => Promise<string | undefined>;

/**
 * @param object a Service or Configuration that has passed validation
 * @returns undefined when its template is not to be tried
 */
export function podDryRun(object: Templated, context: AdmissionContext): DryRun | undefined {
  if (context.operation === 'DELETE' || context.subresource !== undefined) return undefined;
  // A Service's own Configuration has been tried with it.
  if (object.kind === 'Configuration' && (object.metadata.labels?.[SERVICE_LABEL] ?? '') !== '') return undefined;
  const serving = servingContext(context);
  const mode = modeOf(object, context, serving);
  const spec = object.spec?.template?.spec;
  if (mode === 'off' || spec === undefined) return undefined;
  const { namespace } = object.metadata;
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { generateName: 'dry-run-validation', namespace },
    spec: makePodSpec(sampleRevision(spec, namespace), podConfig(serving)),
  };
  return async (api) => {
    const why = await refusal(api, namespace, pod);
    if (why === undefined || (mode !== 'strict' && why.includes('does not support dry run'))) return undefined;
    return `dry run failed with ${why}: spec.template`;
  };
}

function modeOf({ metadata }: KubeObject, { dryRun }: AdmissionContext, { features }: ServingContext): Mode {
  const flag = features.flags['kubernetes.podspec-dryrun'];
  const asked = metadata.annotations?.[DRY_RUN];
  if (flag !== 'Disabled' && asked === 'strict') return 'strict';
  return dryRun || flag === 'Enabled' || (flag !== 'Disabled' && asked === 'enabled') ? 'on' : 'off';
}

async function refusal(
  api: Parameters<AdmissionQuestion>[0],
  namespace: string | undefined,
  pod: object,
): Promise<string | undefined> {
  try {
    const path = resourcePath(Pod, namespace);
    const { status, body } = await api.request({ method: 'POST', path, query: { dryRun: 'All' }, body: pod });
    return status < 400 ? undefined : (asStatus(status, body).message ?? `status ${status}`);
  } catch (error) {
    if (error instanceof TransportError) return error.message;
    throw error;
  }
}

function sampleRevision(spec: RevisionSpec, namespace: string | undefined): Revision {
  return { apiVersion: 'serving.knative.dev/v1', kind: 'Revision', metadata: { name: '', namespace }, spec };
}

/** Only what the author wrote is tried: nothing that the operator's ConfigMaps would add. */
function podConfig(serving: ServingContext): PodConfig {
  const { autoscaler, defaults, features } = serving;
  return { autoscaler, defaults, features, deployment: parseDeployment({}), observability: parseObservability({}) };
}
