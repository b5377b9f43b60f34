/** `weft`: the engine without an editor. Results go to stdout, progress and errors to stderr; see exitCodes for how it ends. */
// First, so that an interrupt is answered while the rest loads.
import './interrupts';
import { Command, CommanderError, Option } from 'commander';
import manifest from '../../package.json';
import { exitCodes, reportError } from '../protocol/errors';
import { clearCache, showCache } from './cache';
import { installDevice, listDevices, removeDevice } from './devices';
import { evaluate, type EvaluateFlags } from './evaluate';
import { inspect, type InspectFlags } from './inspect';
import {
  addModel,
  type AddFlags,
  availableModels,
  type DownloadFlags,
  downloadModel,
  listModels,
  removeModel,
  scanModels,
  showModel,
  verifyModel,
} from './models';
import { positive, seed, size, whole } from './options';
import { run, type RunFlags } from './run';
import { print, survivesClosedPipes, tell } from './terminal';
import { merge, parseShard, sweep, type SweepFlags } from './sweep';
import { transfer, type TransferFlags } from './transfer';
import { validate } from './validate';

const collect = (value: string, before: string[]): string[] => [...before, value];

const program = new Command('weft')
  .version(manifest.version)
  .description('Appearance transfer by cross-image attention, from a graph file.');
survivesClosedPipes();
program.exitOverride().showHelpAfterError();
program.configureOutput({ writeOut: print, writeErr: tell });

program
  .command('run')
  .argument('<graph>', 'a *.weft.json file')
  .description('run a graph and write what its save nodes say')
  .option('--out <dir>', 'output folder (default: weft-out beside the graph)')
  .option('--set <node.param=value>', 'override a parameter; the value is JSON, else text', collect, [])
  .option('--provider <name>', 'what to compute on (default: the fastest that works, see weft devices)')
  .option('--no-cache', 'compute everything, keep nothing')
  .option('--timeline', 'also write every timestep, as an animated picture and a strip')
  .option('--allow-outside', 'let the graph read pictures outside its own folder')
  .action((graph: string, flags: RunFlags) => run(graph, flags));

program
  .command('transfer')
  .description('give one picture the look of another, without writing a graph')
  .requiredOption('--structure <image>', 'the picture whose shapes are kept')
  .requiredOption('--appearance <image>', 'the picture whose look is taken')
  .requiredOption('--domain <noun>', 'what both show, for instance animal')
  .option('--checkpoint <id>', 'the model', 'mini')
  .option('--vae <file>', "a .safetensors file with another VAE (default: the checkpoint's own)")
  .option('--size <width>x<height>', "pixels of the pictures (default: the checkpoint's own)", size)
  .option(
    '--out <file>',
    'the result, or with a slash at its end the folder for it (default: weft-out/STRUCTURE-APPEARANCE.png)',
  )
  .option('--steps <n>', 'steps of the whole schedule', whole)
  .option('--skip <n>', 'steps left out at its noisy end', whole)
  .option('--seed <n>', 'seed of the noise', seed)
  .option('--no-masks', 'let AdaIN act on the whole picture')
  .option('--keep-graph <file>', 'also write the graph')
  .option('--provider <name>', 'what to compute on (default: the fastest that works, see weft devices)')
  .option('--no-cache', 'compute everything, keep nothing')
  .action((flags: TransferFlags) => transfer(flags));

const sweeps = program
  .command('sweep')
  .argument('<graph>', 'a *.weft.json file')
  .description('run a graph once for each value of one or two parameters; cells become files, and a sheet')
  .option('--over <node.param=values>', 'what varies: columns, then rows (default: the sweep node)', collect, [])
  .option('--of <node.port>', 'the picture that cells show (default: the only one)')
  .option('--node <id>', 'the sweep node, when there are several')
  .option('--shard <i/n>', 'run one part of the cells only', (text: string) => parseShard(text))
  .option('--out <dir>', 'folder of the cells (default: weft-out/GRAPH-sweep beside the graph)')
  .option('--set <node.param=value>', 'override a parameter in all cells', collect, [])
  .option('--provider <name>', 'what to compute on')
  .option('--no-cache', 'compute everything, keep nothing but the cells')
  .option('--allow-outside', 'let the graph read pictures outside its own folder')
  .action((graph: string, flags: SweepFlags) => sweep(graph, flags));
sweeps
  .command('merge')
  .argument('<dir...>', 'folders of one sweep')
  .description('bring the cells of shards together in the first folder and write its sheet')
  .action(merge);

program
  .command('validate')
  .argument('<graph...>', '*.weft.json files')
  .description('check graphs; problems as file:line:column: node.port: message')
  .action(async (graphs: string[]) => {
    process.exitCode = await validate(graphs);
  });

program
  .command('inspect')
  .argument('<run>', 'run.json, a picture that Weft wrote, or the graph itself')
  .description('draw where a place of the result took its look from')
  .option('--at <x,y>', 'the place, in pixels of the result (with --from appearance: of the appearance)')
  .option(
    '--step <n>',
    'the step, counted from 1 (default: the middle one of those that looked at the appearance)',
    positive,
  )
  .option('--resolution <n>', 'tokens a side (default: the highest that is swapped)', positive)
  .option('--head <n>', 'one head, counted from 1 (default: the mean of all)', positive)
  .addOption(
    new Option('--from <side>', 'which picture --at points into').choices(['output', 'appearance']).default('output'),
  )
  .addOption(new Option('--map <kind>', 'what to draw').choices(['heat', 'correspondence']).default('heat'))
  .option('--appearance <n>', 'which of several appearances, counted from 1', positive, 1)
  .option('--raw', 'without the contrast that the run applied')
  .option('--out <file>', 'the picture to write (default: RUN.heat.png or RUN.correspondence.png)')
  .option('--size <pixels>', 'its side, at least', positive, 512)
  .option('--node <id>', 'the denoise node, where the graph has several')
  .option('--folder <dir>', "the folder that the graph's paths start from, where it is not found by itself")
  .option('--provider <name>', 'what to compute on (default: what the run used)')
  .option('--allow-outside', 'let the graph read pictures outside its own folder')
  .action((source: string, flags: InspectFlags) => inspect(source, flags));

program
  .command('eval')
  .argument('<picture...>', 'results: pictures that Weft wrote, or any with --structure and --appearance')
  .description('measure results: shape against the structure, look against the appearance')
  .option('--structure <image>', "the picture whose shape it should have (default: the one of the result's graph)")
  .option('--appearance <image>', "the picture whose look it should have (default: the one of the result's graph)")
  .option('--domain <noun>', 'what the pictures show')
  .option('--checkpoint <id>', "the model that measures (default: the result's own, else mini)")
  .option('--truth <image>', 'the right answer, where there is one')
  .option('--parts <image>', 'a PNG of the part ids of the truth')
  .option('--node <id>', 'the denoise node, where the graph has several')
  .option('--folder <dir>', "the folder that the graph's paths start from, where it is not found by itself")
  .option('--allow-outside', "let the result's graph name pictures outside its own folder")
  .option('--json', 'print JSON instead of a table')
  .option('--provider <name>', 'what to compute on')
  .option('--no-cache', 'compute everything, keep nothing')
  .action((pictures: string[], flags: EvaluateFlags) => evaluate(pictures, flags));

const models = program.command('models').description('the checkpoints in the library');
models.command('list').description('id, title and facts of each').action(listModels);
models.command('available').description('what can be downloaded by name').action(availableModels);
models
  .command('show')
  .argument('<id>')
  .description('everything about one: size, licence, and the memory that it needs')
  .action(showModel);
models
  .command('download')
  .argument('<name>', 'one of `weft models available`, or a manifest file (*.json)')
  .option('--accept-license', "accept the checkpoint's licence, which is shown first")
  .option('--mirror <url>', 'a server that has the same files (default: WEFT_MIRROR, HF_ENDPOINT, else the publisher)')
  .description('fetch and import a checkpoint, or go on where it was paused; prints its id as the last line')
  .action((name: string, flags: DownloadFlags) => downloadModel(name, flags));
models
  .command('add')
  .argument('<paths...>', 'a .safetensors file, a diffusers or ONNX folder, or the files of one checkpoint')
  .option('--id <id>', 'what to call it')
  .addOption(
    new Option('--prediction <what>', 'what it predicts, where its files do not tell').choices(['epsilon', 'v']),
  )
  .option('--vae <file>', 'a VAE (.safetensors) to use instead of its own')
  .description('add a checkpoint; prints its id as the last line. Files of weights are used where they are')
  .action((paths: string[], flags: AddFlags) => addModel(paths, flags));
models
  .command('scan')
  .argument('[dir]', 'a folder of A1111, Forge or ComfyUI; without it, the folders that are known')
  .option('--forget', 'list the folder no more')
  .description(
    'list the checkpoints, VAEs and LoRAs in a folder; its checkpoints can be used by their ids from then on',
  )
  .action((folder: string | undefined, flags: { forget?: boolean }) => scanModels(folder, flags));
models
  .command('verify')
  .argument('<id>')
  .description('compare every file with its digest and open it')
  .action(verifyModel);
models
  .command('remove')
  .argument('<id>')
  .option('--yes', 'do not ask')
  .description('forget a checkpoint, its prepared files and what was downloaded for it')
  .action((id: string, flags: { yes?: boolean }) => removeModel(id, flags));

const cache = program
  .command('cache')
  .description('what can be made anew: products of runs, attention, optimised models');
cache.command('show').description('folders, what they take and may take').action(showCache);
cache.command('clear').description('remove it all; results and checkpoints stay').action(clearCache);

const devices = program
  .command('devices')
  .description('what this machine can compute on, found by trial')
  .option('--probe', 'try again what is remembered')
  .action((flags: { probe?: boolean }) => listDevices(flags.probe ?? false));
devices
  .command('install')
  .argument('<library>', 'cuda: for NVIDIA cards on Linux')
  .option('--yes', 'fetch it without asking')
  .option('--index <url>', 'NuGet index to fetch from (default: WEFT_NUGET_INDEX, else nuget.org)')
  .description("fetch onnxruntime's library for a device, after telling its size")
  .action((library: string, flags: { yes?: boolean; index?: string }) => installDevice(library, flags));
devices
  .command('remove')
  .argument('<library>', 'cuda')
  .description('remove a library that was fetched')
  .action((library: string) => removeDevice(library));

async function main(): Promise<void> {
  try {
    await program.parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) {
      // Help and version end well; everything else the parser refuses is a wrong argument.
      process.exitCode = error.exitCode === 0 ? 0 : exitCodes.graph;
      return;
    }
    const { kind, node, message } = reportError(error);
    // One that says its place, or the option, names the node only where that helps.
    const placed = /^(--|[^\n]*:\d+:\d+: )/.test(message);
    tell(`weft: ${node && !placed && !message.includes(node) ? `${node}: ` : ''}${message}\n`);
    process.exitCode = exitCodes[kind];
  }
}

void main();
