/** What a self-test and the process of one backend tell each other. */

/** How a step is cut up: none of it may change a bit. */
export interface Cut {
  readonly threads: number;
  readonly microBatch: number;
}

export interface SelftestStart {
  /** Checkpoint that the golden steps were computed on. */
  readonly modelDirectory: string;
  readonly cuts: readonly Cut[];
  /** GPU that computes; absent: the CPU. */
  readonly gpu?: number;
}

export interface StepOutcome extends Cut {
  readonly step: string;
  readonly lossBits: number;
  readonly gradientHash: string;
  /** In the layout of the step's adapter. */
  readonly gradients: Float32Array;
}

export type SelftestMessage =
  | { readonly type: 'step'; readonly outcome: StepOutcome }
  | { readonly type: 'done' }
  | { readonly type: 'fatal'; readonly message: string };
