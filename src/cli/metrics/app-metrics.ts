/** What the application's process counts and times, for Prometheus. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** From what a check of a signature takes to what nobody waits for; seconds. */
const CALL_BUCKETS_S = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10];
const INTERVAL_BUCKETS_S = [0.1, 0.3, 1, 2, 3, 5, 7, 10, 20, 60];
const SIZE_BUCKETS_BYTES = [1_000, 10_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000, 30_000_000];

/** Calls of the engine that are timed. */
export type TimedCall = 'check_tx' | 'recheck_tx' | 'prepare_proposal' | 'process_proposal' | 'finalize_block' | 'commit' | 'query';

export interface CommittedBlock {
  readonly height: bigint;
  /** Of its header, milliseconds since 1970. */
  readonly timeMs: number;
  readonly sizeBytes: number;
  readonly transactions: number;
}

export interface AppMetrics {
  readonly registry: Registry;
  /** One block, once it is on the disk. */
  committed(block: CommittedBlock): void;
  timed(call: TimedCall, seconds: number): void;
  /** One transaction of a block. */
  delivered(codespace: string, code: number, gasUsed: bigint): void;
  /** One transaction that wants to wait, or still waits, for a block. */
  checked(kind: 'new' | 'recheck', codespace: string, code: number): void;
  gradientSubmitted(): void;
}

/** @param nowMs milliseconds since 1970. */
export function createAppMetrics(nowMs: () => number = Date.now): AppMetrics {
  const registry = new Registry();
  const registers = [registry];
  let last: CommittedBlock | undefined;
  let committedMs: number | undefined;

  const height = new Gauge({ name: 'r3mes_height', help: 'Newest committed block', registers });
  const blockTime = new Gauge({ name: 'r3mes_block_time_seconds', help: 'Time in the header of the newest block, since 1970', registers });
  const interval = new Histogram({ name: 'r3mes_block_interval_seconds', help: 'Between the times of two blocks', buckets: INTERVAL_BUCKETS_S, registers });
  const size = new Histogram({ name: 'r3mes_block_size_bytes', help: 'Transactions of a block', buckets: SIZE_BUCKETS_BYTES, registers });
  const inBlock = new Gauge({ name: 'r3mes_block_transactions', help: 'Transactions of the newest block', registers });
  const calls = new Histogram({ name: 'r3mes_abci_duration_seconds', help: 'What the application took for a call of the engine', labelNames: ['call'], buckets: CALL_BUCKETS_S, registers });
  const transactions = new Counter({ name: 'r3mes_transactions_total', help: 'Transactions of blocks by their result', labelNames: ['codespace', 'code'], registers });
  const checks = new Counter({ name: 'r3mes_checks_total', help: 'Checks of waiting transactions by their result', labelNames: ['kind', 'codespace', 'code'], registers });
  const gas = new Counter({ name: 'r3mes_gas_used_total', help: 'Gas that transactions of blocks used', registers });
  const gradients = new Counter({ name: 'r3mes_gradients_total', help: 'Gradients that blocks took up', registers });
  const age = new Gauge({
    name: 'r3mes_app_hash_age_seconds',
    help: 'Since the newest app hash was on the disk here',
    registers,
    collect() {
      if (committedMs === undefined) this.remove();
      else this.set((nowMs() - committedMs) / 1000);
    },
  });
  for (const gauge of [height, blockTime, inBlock, age]) gauge.remove(); // nothing is known before the first block

  return {
    registry,
    committed(block) {
      height.set(Number(block.height));
      blockTime.set(block.timeMs / 1000);
      size.observe(block.sizeBytes);
      inBlock.set(block.transactions);
      if (last?.height === block.height - 1n) interval.observe((block.timeMs - last.timeMs) / 1000);
      last = block;
      committedMs = nowMs();
    },
    timed: (call, seconds) => calls.observe({ call }, seconds),
    delivered(codespace, code, gasUsed) {
      transactions.inc({ codespace, code });
      gas.inc(Number(gasUsed));
    },
    checked: (kind, codespace, code) => checks.inc({ kind, codespace, code }),
    gradientSubmitted: () => gradients.inc(),
  };
}
