import { profile, type Profile } from '../../protocol/params.js';

/**
 * The dev profile's phases are as short as they can be where blocks wait for roles. Under CometBFT blocks come as time
 * passes, so every phase has so many times the blocks: the shortest, two blocks, is then some seconds.
 */
const PHASE_FACTOR = 6n;

/** The dev profile for a chain whose blocks wait for nobody. */
export function timedProfile(): Profile {
  const dev = profile('dev');
  const { node, training, aggregation, challenge } = dev;
  return {
    ...dev,
    node: { ...node, epochBlocks: node.epochBlocks * PHASE_FACTOR, unbondingBlocks: node.unbondingBlocks * PHASE_FACTOR },
    training: { ...training, collectingBlocks: training.collectingBlocks * PHASE_FACTOR },
    aggregation: {
      ...aggregation,
      attestingBlocks: aggregation.attestingBlocks * PHASE_FACTOR,
      committingBlocks: aggregation.committingBlocks * PHASE_FACTOR,
      revealingBlocks: aggregation.revealingBlocks * PHASE_FACTOR,
    },
    challenge: {
      ...challenge,
      challengeBlocks: challenge.challengeBlocks * PHASE_FACTOR,
      reportMarginBlocks: challenge.reportMarginBlocks * PHASE_FACTOR,
      reportRevealBlocks: challenge.reportRevealBlocks * PHASE_FACTOR,
      layer2Blocks: challenge.layer2Blocks * PHASE_FACTOR,
      layer3Blocks: challenge.layer3Blocks * PHASE_FACTOR,
      appealBlocks: challenge.appealBlocks * PHASE_FACTOR,
      escalationBlocks: challenge.escalationBlocks * PHASE_FACTOR,
      redrawBlocks: challenge.redrawBlocks * PHASE_FACTOR,
    },
  };
}
