import { defineCommand, type Noun } from '../../frame/command.js';
import { choice, decimal, flag, id, integer, list, optional, setting, text } from '../../frame/option.js';
import { COMPUTE_OPTIONS, NODE_OPTIONS } from '../../session/options.js';

const { content } = COMPUTE_OPTIONS;
const force = flag('replace files that exist; --yes does, too');

const inspect = defineCommand({
  name: 'inspect',
  summary: 'show what a model or adapter directory holds, and whether r3mes can train it',
  details:
    'A model is a Hugging Face BitNet b1.58 checkpoint; it is read as training would read it. An adapter is what PEFT writes; --base DIR holds it against its backbone. Exit code 1 where something would be refused, with the reasons.',
  args: { directory: text({ placeholder: 'DIR', summary: 'directory with config.json or adapter_config.json' }) },
  options: {
    rank: integer({ placeholder: 'N', min: 1, max: 4096, fallback: '8', summary: 'of a model: rank of the adapter whose size is shown' }),
    target: list(text({ placeholder: 'LAYER', summary: 'of a model: layers that this adapter would sit on; all seven if not given' })),
    base: optional(text({ placeholder: 'DIR', summary: 'of an adapter: the model that it is said to belong to' })),
  },
  examples: [
    ['model inspect ./bitnet-b1.58-2B-4T --rank 16', 'shows sizes and what an adapter of rank 16 weighs'],
    ['model inspect ./adapter --base ./bitnet-b1.58-2B-4T --json', 'checks that the adapter fits the model'],
  ],
  json: {
    kind: 'model or adapter; the keys with ? below are those of one of them',
    directory: 'the directory',
    usable: 'whether r3mes would take it',
    refusals: 'list of {file, code, message, hint}: what would be refused and why',
    files: 'list of {name, sizeBytes}',
    tensors: 'list of {dtype, tensors, elements, bytes}, null where the file could not be read',
    parameters: '{ternary, float, total} of a model, {total} of an adapter; null where unknown',
    'architecture?': 'first of architectures in config.json, null if absent',
    'quantization?': '{method, linearClass, mode, packing}, null if config.json has none',
    'config?': '{hiddenSize, ffnSize, layers, heads, kvHeads, headSize, vocabSize, maxPositions, rmsEpsilon, ropeTheta, tiedEmbedding}, null where refused',
    'maxSequenceLength?': 'most tokens of a training sequence, null where unknown',
    'tokenizer?': '{type, vocabSize, eosTokenId}, null if there is none that can be used',
    'adapter?': '{rank, targets, parameters, bytes}: size of an adapter of this rank, null where config.json is refused',
    'engineChecked?': 'whether the engine took the weights, too; false where it is not built',
    'rank?': 'rank of the adapter',
    'alpha?': 'its alpha; the scaling is alpha / rank',
    'targets?': 'layers it sits on',
    'baseModel?': 'base_model_name_or_path of adapter_config.json',
    'baseChecked?': 'whether its tensors were held against --base',
  },
  load: async () => (await import('./inspect.js')).modelInspect,
});

const check = defineCommand({
  name: 'check',
  summary: "hold the engine against another implementation's numbers",
  details:
    'A reference case is a directory with a checkpoint (config.json and weights, in any form), adapter/, case.json and io.safetensors, which holds the loss, the gradients and the training curve that PyTorch and PEFT computed. Exit code 1 beyond the bounds: loss within 0.005, every gradient with cosine of at least 0.999, curve within 0.1.',
  args: { directory: text({ placeholder: 'CASE', summary: 'directory of the case' }) },
  options: {
    threads: setting('threads'),
    microBatch: integer({ placeholder: 'N', min: 1, max: 4096, fallback: '4', summary: 'sequences processed at once; changes memory, never a result' }),
  },
  examples: [['model check ./cases/gqa-tied --json', 'prints the differences as one object']],
  json: {
    case: 'name of the directory',
    withinBounds: 'whether all three bounds hold',
    loss: 'loss that the engine computes, nats a token',
    referenceLoss: 'loss of the reference',
    lossDifference: 'absolute difference of the two',
    smallestCosine: 'smallest cosine between a gradient and that of the reference',
    smallestCosineTensor: 'the tensor that has it',
    logitsCosine: 'cosine between the logits',
    baseLogitsCosine: 'the same without the adapter; null where the case does not hold them',
    curveDifference: 'largest absolute difference of the losses while training',
    steps: 'optimizer steps of the curve',
    bounds: '{lossDifference, gradientCosine, curveDifference}',
    threads: 'threads that computed',
  },
  load: async () => (await import('./check.js')).modelCheck,
});

const run = defineCommand({
  name: 'run',
  summary: 'continue a text with a model, with or without an adapter',
  details:
    'Prefill and decode use the arithmetic of training: the same prompt, settings and seed give the same tokens on every machine and for every number of threads. Without --temperature the most likely token is taken.',
  args: { directory: optional(text({ placeholder: 'DIR', summary: 'checkpoint with its tokenizer.json; bitnet-nano if not given' })) },
  options: {
    adapter: optional(text({ placeholder: 'DIR', summary: 'directory of a PEFT adapter' })),
    prompt: optional(text({ placeholder: 'TEXT', summary: 'what to continue' })),
    promptFile: optional(text({ placeholder: 'FILE', summary: 'UTF-8 file with what to continue' })),
    maxTokens: integer({ placeholder: 'N', min: 1, max: 1_048_576, fallback: '128', summary: 'most tokens to write' }),
    temperature: decimal({ placeholder: 'T', min: 0, max: 1000, fallback: '0', summary: 'divides the logits before drawing; 0 draws nothing' }),
    topK: integer({ placeholder: 'N', min: 0, max: 8_388_608, fallback: '0', summary: 'draw from the N most likely tokens only; 0 for all' }),
    topP: decimal({ placeholder: 'P', min: 0.000001, max: 1, fallback: '1', summary: 'draw from the most likely tokens that together have this probability' }),
    seed: text({ placeholder: 'TEXT', fallback: '0', summary: 'decides the draws' }),
    ignoreEos: flag('go on behind a token that ends the text'),
    threads: setting('threads'),
  },
  examples: [
    ['model run --prompt "To be, or not to be" --max-tokens 40', 'with the model of the package'],
    ['model run ./bitnet-b1.58-2B-4T --adapter ./adapter --prompt-file p.txt --temperature 0.8 --top-p 0.9 --seed 7', 'draws, the same on every machine'],
  ],
  json: {
    model: 'name of the checkpoint',
    text: 'what was written',
    tokens: 'its ids; a token that ends the text is the last one',
    promptTokens: 'tokens of the prompt',
    stopped: 'end (a token that ends the text) or length',
    seed: 'that decided the draws',
    threads: 'that computed',
    prefillTokensPerSecond: 'tokens of the prompt a second, up to the first one written',
    decodeTokensPerSecond: 'tokens a second after the first one',
  },
  stream: true,
  load: async () => (await import('./run.js')).modelRun,
});

const importing = defineCommand({
  name: 'import',
  summary: 'put a model or adapter into the content store, in the form that the registry holds',
  details:
    'Takes every form of a BitNet b1.58 checkpoint: packed (autobitlinear, or legacy bitlinear, whose scale divides), bf16 masters of the online mode, one file or shards. What is stored is packed, with binary32 scales, in one canonical file, so that equal models have one CID. Every value is looked at; no file is held in memory. An adapter is one that PEFT wrote, and --base names its model.',
  args: { directory: text({ placeholder: 'DIR', summary: 'directory with config.json or adapter_config.json' }) },
  options: {
    base: optional(text({ placeholder: 'DIR', summary: 'of an adapter: the model that it belongs to' })),
    output: optional(text({ placeholder: 'DIR', short: 'o', summary: 'write a copy there, with the tokenizer' })),
    content,
    force,
  },
  examples: [
    ['model import ./bitnet-b1.58-2B-4T-bf16 -o ./packed', 'makes a master ternary, stores it and writes a copy'],
    ['model import ./adapter --base ./bitnet-b1.58-2B-4T --json', 'stores an adapter of PEFT and prints its CID'],
  ],
  json: {
    kind: 'model or adapter; the keys with ? below are those of one of them',
    directory: 'the directory that was read',
    sizeBytes: 'bytes that were stored',
    output: 'where the copy lies, null if none was asked for',
    'form?': 'autobitlinear, bitlinear or online: how the weights were stored',
    'backboneCid?': 'CID of the directory with config.json and model.safetensors',
    'tokenizerCid?': 'CID of tokenizer.json, null if there is none',
    'fullParameters?': 'parameters of the model',
    'layerCount?': 'its layers',
    'vocabSize?': 'its vocabulary',
    'maxSequenceLength?': 'most tokens of a training sequence',
    'arithmeticVersion?': 'of the engine',
    'adapterCid?': 'CID of the adapter file',
    'rank?': 'its rank',
    'alpha?': 'its alpha; the scaling is alpha / rank',
    'targets?': 'layers it sits on',
  },
  load: async () => (await import('./import.js')).modelImport,
});

const verify = defineCommand({
  name: 'verify',
  summary: 'show that packed weights come from their bf16 master',
  details:
    'Makes the master ternary as docs/arithmetic.md §1.5 defines it and compares every weight and scale, norms, embedding and head. Weights, norms, embedding and head must be equal; a scale may differ by what its type rounds off and 2^-18, since most programs sum in floats in an order of their own. Exit code 1 where anything differs; the first index of each such tensor is printed.',
  args: { directory: text({ placeholder: 'DIR', summary: 'model with packed weights' }) },
  options: { master: text({ placeholder: 'DIR', summary: 'the same model as floats (quantization_mode "online")' }) },
  examples: [['model verify ./bitnet-b1.58-2B-4T --master ./bitnet-b1.58-2B-4T-bf16', 'ends with 0 where the two belong together']],
  json: {
    equal: 'whether nothing differs',
    weightsHash: 'SHA-256 of all packed weights of the model',
    masterHash: 'SHA-256 of those that the master makes',
    tensors: 'tensors that were compared',
    largestScaleError: 'largest relative difference of a scale from the exact one',
    differing: 'how many of them differ',
    differences: 'list of {tensor, index, seen, expected, count}: the first difference of each, and how many elements differ',
  },
  load: async () => (await import('./verify.js')).modelVerify,
});

const exportAdapter = defineCommand({
  name: 'export-adapter',
  summary: 'write the adapter of a model of the chain as PEFT loads it',
  details: 'The record comes from a node, the files from the content store. The newest adapter is written unless --window names the one that a window was decided with.',
  args: { modelId: optional(id({ placeholder: 'MODEL', summary: 'id of the model; the only one if not given' })) },
  options: {
    ...NODE_OPTIONS,
    output: text({ placeholder: 'DIR', short: 'o', summary: 'where adapter_config.json and adapter_model.safetensors go' }),
    window: optional(id({ placeholder: 'WINDOW', summary: 'the adapter that this window was decided with' })),
    base: optional(text({ placeholder: 'NAME', summary: "base_model_name_or_path of adapter_config.json; the model's name if not given" })),
    content,
    force,
  },
  examples: [['model export-adapter -o ./adapter --base ./bitnet-b1.58-2B-4T', 'PeftModel.from_pretrained(model, "./adapter") loads it']],
  json: {
    modelId: 'id of the model',
    adapterCid: 'CID of the adapter',
    output: 'where it was written',
    rank: 'its rank',
    alpha: 'its alpha; the scaling is alpha / rank',
    targets: 'layers it sits on',
    parameters: 'its parameters',
    baseModel: 'base_model_name_or_path as written',
  },
  load: async () => (await import('./export-adapter.js')).modelExportAdapter,
});

const merge = defineCommand({
  name: 'merge',
  summary: 'fold an adapter into its model, as plain float weights for other programs',
  details:
    'Writes W · scale + (alpha / rank) · B · A for every linear layer. That is not ternary any more: the result has no quantization_config, transformers loads it like any model, and r3mes does not. It rounds no activations to 8 bits, which r3mes and transformers do before a ternary product, so its outputs agree with those of model and adapter to about that rounding. A lossless form is the model and the adapter side by side.',
  args: { directory: text({ placeholder: 'DIR', summary: 'the model, in any form' }) },
  options: {
    adapter: text({ placeholder: 'DIR', summary: 'the adapter, as PEFT writes it' }),
    output: text({ placeholder: 'DIR', short: 'o', summary: 'where config.json, model.safetensors and the tokenizer go' }),
    type: choice({ placeholder: 'TYPE', choices: ['bf16', 'f32'], fallback: 'bf16', summary: 'of the merged layers; the rest stays as it is' }),
    force,
  },
  examples: [['model merge ./bitnet-b1.58-2B-4T --adapter ./adapter -o ./merged', 'AutoModelForCausalLM.from_pretrained("./merged") loads it']],
  json: {
    output: 'where it was written',
    dtype: 'of the merged layers: bf16 or f32',
    sizeBytes: 'bytes of the weights',
    rank: 'rank of the adapter',
    alpha: 'its alpha',
    targets: 'layers that changed',
  },
  load: async () => (await import('./merge.js')).modelMerge,
});

export const modelNoun: Noun = {
  name: 'model',
  summary: 'backbones and adapters: import, inspect, verify, export, merge, run, check',
  commands: [importing, inspect, verify, exportAdapter, merge, run, check],
};
