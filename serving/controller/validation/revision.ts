/** Revisions and the templates they are made from. Source: reference sections 1.6 and 1.7. */
import type { ObjectMeta } from '../../../api/object.ts';
import { invalidValue, outOfBounds, viaField, type FieldError } from '../../../api/field-error.ts';
import type { RevisionTemplate } from '../../../api/serving/configuration.ts';
import type { Revision, RevisionSpec } from '../../../api/serving/revision.ts';
import { formatFloat64, parseFloat64 } from '../../../kube/go-number.ts';
import { isQuantity } from '../../../kube/quantity.ts';
import { CONFIGURATION_LABEL, PROGRESS_DEADLINE, type StringMap } from '../keys.ts';
import { validateAutoscaling } from './autoscaling.ts';
import type { ServingContext } from './context.ts';
import { diffRevisionSpec, diffTemplate } from './diff.ts';
import { fieldError, warning } from './fields.ts';
import {
  validateNames,
  validateNetworking,
  validateParentLabel,
  validateRevisionName,
  wholeSeconds,
} from './metadata.ts';
import { validatePodSpec } from './pod.ts';

const REVISION_FIELDS = ['containerConcurrency', 'timeoutSeconds', 'responseStartTimeoutSeconds', 'idleTimeoutSeconds'];
const SIDECAR = 'queue.sidecar.serving.knative.dev';
const PERCENTAGE = [`${SIDECAR}/resource-percentage`, `${SIDECAR}/resourcePercentage`];

export function validateRevision(revision: Revision, old: Revision | undefined, context: ServingContext): FieldError[] {
  const { metadata, spec } = revision;
  const diff = old === undefined ? '' : diffRevisionSpec(old.spec, spec);
  if (diff !== '') return [fieldError('Immutable fields changed (-old +new)', ['spec'], diff)];
  return [
    ...validateNames(metadata),
    ...viaField('metadata.annotations', validateAutoscaling(metadata.annotations, context.autoscaler)),
    ...validateParentLabel(metadata, CONFIGURATION_LABEL, 'Configuration'),
    ...(old === undefined ? viaField('spec', validateRevisionSpec(spec, context)) : []),
  ];
}

/** Paths start at the spec. */
export function validateRevisionSpec(spec: RevisionSpec, context: ServingContext): FieldError[] {
  const { maxRevisionTimeout, allowContainerConcurrencyZero, containerConcurrencyMax } = context.defaults;
  const { timeoutSeconds = 0, containerConcurrency } = spec;
  const errors = validatePodSpec(spec, REVISION_FIELDS, context);
  if (timeoutSeconds < 0 || timeoutSeconds > maxRevisionTimeout)
    errors.push(outOfBounds(timeoutSeconds, 0, maxRevisionTimeout, 'timeoutSeconds'));
  const least = allowContainerConcurrencyZero ? 0 : 1;
  if (
    containerConcurrency !== undefined &&
    (containerConcurrency < least || containerConcurrency > containerConcurrencyMax)
  )
    errors.push(outOfBounds(containerConcurrency, least, containerConcurrencyMax, 'containerConcurrency'));
  return errors;
}

/**
 * Paths start at the template.
 * @param parent metadata of the Service or Configuration that has it
 */
export function validateTemplate(
  template: RevisionTemplate | undefined,
  parent: ObjectMeta,
  context: ServingContext,
): FieldError[] {
  const metadata = template?.metadata ?? {};
  const annotations = metadata.annotations ?? {};
  const spec: RevisionSpec = template?.spec ?? { containers: [] };
  return [
    ...viaField('spec', validateRevisionSpec(spec, context)),
    ...viaField('metadata.annotations', [
      ...validateAutoscaling(annotations, context.autoscaler),
      ...validateNetworking(annotations),
      ...validateSidecarResources(annotations),
      ...wholeSeconds(annotations, PROGRESS_DEADLINE, 'progress-deadline'),
    ]),
    ...validateRevisionName(metadata, parent),
  ];
}

/** A name of the author's own stands for one content. Paths start at the template. */
export function validateNameChange(template: RevisionTemplate, old: RevisionTemplate): FieldError[] {
  const name = template.metadata?.name ?? '';
  if (name === '' || name !== (old.metadata?.name ?? '')) return [];
  const diff = diffTemplate(old, template);
  if (diff === '') return [];
  return [fieldError('Saw the following changes without a name change (-old +new)', ['metadata.name'], diff)];
}

/** There is no sidecar here, but a manifest that Knative refuses is refused here too. */
function validateSidecarResources(annotations: StringMap): FieldError[] {
  const errors: FieldError[] = [];
  const key = PERCENTAGE.find((one) => annotations[one] !== undefined);
  if (key !== undefined) {
    const value = annotations[key] ?? '';
    const number = parseFloat64(value);
    errors.push(
      warning(
        'Queue proxy resource percentage annotation is deprecated. Please use the available annotations to explicitly set resource values per service',
      ),
    );
    if (number === undefined) errors.push(invalidValue(value, `[${key}]`));
    else if (number < 0.1 || number > 100) errors.push(outOfBounds(formatFloat64(number), 0.1, 100, `[${key}]`));
  }
  for (const resource of ['cpu', 'memory', 'ephemeral-storage'])
    for (const what of ['request', 'limit']) {
      const at = `${SIDECAR}/${resource}-resource-${what}`;
      const value = annotations[at];
      if (value !== undefined && !isQuantity(value)) errors.push(invalidValue(value, `[${at}]`));
    }
  return errors;
}
