/** config-leader-election: how replicas of a controller divide their work. Source: reference section 5. */
import { ConfigError, duration, unsigned, type ConfigData } from './parse.ts';

export interface LeaderElectionConfig {
  /** Milliseconds. */
  readonly leaseDuration: number;
  readonly renewDeadline: number;
  readonly retryPeriod: number;
  readonly buckets: number;
}

const MOST_BUCKETS = 10;

/** @throws ConfigError */
export function parseLeaderElection(data: ConfigData): LeaderElectionConfig {
  const leaseDuration = duration(data, 60_000, 'lease-duration', 'leaseDuration');
  const renewDeadline = duration(data, 40_000, 'renew-deadline', 'renewDeadline');
  const retryPeriod = duration(data, 10_000, 'retry-period', 'retryPeriod');
  const buckets = bucketsOf(data['buckets']);
  if (buckets < 1 || buckets > MOST_BUCKETS)
    throw new ConfigError(`buckets: value must be between 1 <= ${buckets} <= ${MOST_BUCKETS}`);
  return { leaseDuration, renewDeadline, retryPeriod, buckets };
}

function bucketsOf(value: string | undefined): number {
  if (value === undefined) return 1;
  try {
    return unsigned(value, 32);
  } catch (error) {
    throw new ConfigError(`failed to parse "buckets": ${error instanceof Error ? error.message : ''}`);
  }
}
