/** config-features: three-way flags, case-insensitive; text that is none of the three is ignored. */
import type { ConfigData } from './parse.ts';

export type Flag = 'Enabled' | 'Allowed' | 'Disabled';

/** Every flag with the value it has when nothing is said. Source: reference sections 1.7 and 5. */
export const FEATURE_DEFAULTS = {
  'multi-container': 'Enabled',
  'multi-container-probing': 'Disabled',
  'tag-header-based-routing': 'Disabled',
  'autodetect-http2': 'Disabled',
  'queueproxy.mount-podinfo': 'Disabled',
  'queueproxy.resource-defaults': 'Disabled',
  'kubernetes.podspec-affinity': 'Disabled',
  'kubernetes.podspec-topologyspreadconstraints': 'Disabled',
  'kubernetes.podspec-hostaliases': 'Disabled',
  'kubernetes.podspec-nodeselector': 'Disabled',
  'kubernetes.podspec-tolerations': 'Disabled',
  'kubernetes.podspec-runtimeclassname': 'Disabled',
  'kubernetes.podspec-priorityclassname': 'Disabled',
  'kubernetes.podspec-schedulername': 'Disabled',
  'kubernetes.podspec-shareprocessnamespace': 'Disabled',
  'kubernetes.podspec-hostipc': 'Disabled',
  'kubernetes.podspec-hostpid': 'Disabled',
  'kubernetes.podspec-hostnetwork': 'Disabled',
  'kubernetes.podspec-dnspolicy': 'Disabled',
  'kubernetes.podspec-dnsconfig': 'Disabled',
  'kubernetes.podspec-securitycontext': 'Disabled',
  'kubernetes.podspec-fieldref': 'Disabled',
  'kubernetes.podspec-dryrun': 'Allowed',
  'kubernetes.podspec-init-containers': 'Disabled',
  'kubernetes.podspec-volumes-emptydir': 'Enabled',
  'kubernetes.podspec-volumes-hostpath': 'Disabled',
  'kubernetes.podspec-volumes-csi': 'Disabled',
  'kubernetes.podspec-volumes-ephemeral': 'Disabled',
  'kubernetes.podspec-volumes-image': 'Disabled',
  'kubernetes.podspec-volumes-mount-propagation': 'Disabled',
  'kubernetes.podspec-persistent-volume-claim': 'Disabled',
  'kubernetes.podspec-persistent-volume-write': 'Disabled',
  'kubernetes.containerspec-addcapabilities': 'Disabled',
} as const satisfies Record<string, Flag>;

export type FeatureName = keyof typeof FEATURE_DEFAULTS;

/** How far containers without a security context are locked down. */
export type SecurePodDefaults = 'Disabled' | 'AllowRootBounded' | 'Enabled';

export interface FeaturesConfig {
  readonly flags: Readonly<Record<FeatureName, Flag>>;
  readonly securePodDefaults: SecurePodDefaults;
}

const FLAGS: Readonly<Record<string, Flag>> = { enabled: 'Enabled', allowed: 'Allowed', disabled: 'Disabled' };
const SECURE: Readonly<Record<string, SecurePodDefaults>> = {
  enabled: 'Enabled',
  disabled: 'Disabled',
  allowrootbounded: 'AllowRootBounded',
};

export function parseFeatures(data: ConfigData): FeaturesConfig {
  const flags: Record<FeatureName, Flag> = { ...FEATURE_DEFAULTS };
  for (const name of Object.keys(FEATURE_DEFAULTS) as FeatureName[]) {
    const flag = FLAGS[(data[name] ?? '').toLowerCase()];
    if (flag !== undefined) flags[name] = flag;
  }
  return { flags, securePodDefaults: SECURE[(data['secure-pod-defaults'] ?? '').toLowerCase()] ?? 'Disabled' };
}
