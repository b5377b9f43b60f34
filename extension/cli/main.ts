/** `weft`: the engine without an editor. Results go to stdout, progress and errors to stderr; see exitCodes for how it ends. */
// First, so that an interrupt is answered while the rest loads.
import './interrupts';
import { Command, CommanderError, Option } from 'commander';
import manifest from '../../package.json';
import { presets } from '../graph';
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
  .description('run a graph and write the images of its save nodes')
  .option('--out <dir>', 'output folder (default: weft-out beside the graph)')
  .option('--set <node.param=value>', 'override a parameter; the value is JSON or text', collect, [])
  .option('--draft', "run with the checkpoint's draft schedule, into files that end in -draft")
  .option('--provider <name>', 'device to compute on (default: the fastest that works, see weft devices)')
  .option('--no-cache', 'neither read nor write the cache')
  .option('--timeline', 'also write every timestep, as an animated image and a strip')
  .option('--allow-outside', 'let the graph read images outside its own folder')
  .action((graph: string, flags: RunFlags) => run(graph, flags));

program
  .command('transfer')
  .description('give one image the appearance of another, without a graph file')
  .requiredOption('--structure <image>', 'image that keeps its shapes')
  .requiredOption('--appearance <image>', 'image that gives colours and textures')
  .requiredOption('--domain <noun>', 'what both images show, for instance animal')
  .option('--checkpoint <id>', 'checkpoint to use', 'mini')
  .option(
    '--vae <file>',
    "another VAE: a .safetensors file, or its name in a model folder (default: the checkpoint's own)",
  )
  .option('--size <width>x<height>', "size of the images in pixels (default: the checkpoint's own)", size)
  .option(
    '--out <file>',
    'file for the result, or a folder if it ends in a slash (default: weft-out/STRUCTURE-APPEARANCE.png)',
  )
  .addOption(
    new Option(
      '--preset <name>',
      'schedule: paper (100 steps), quick (30), draft (8 or what suits the checkpoint) or draft-12 with a LoRA',
    ).choices(Object.keys(presets)),
  )
  .option('--steps <n>', 'number of steps of the schedule', whole)
  .option('--skip <n>', 'number of steps to skip at the noisy end', whole)
  .option('--seed <n>', 'seed of the noise', seed)
  .option('--no-masks', 'apply AdaIN to the whole image')
  .option('--keep-graph <file>', 'also write the graph')
  .option('--provider <name>', 'device to compute on (default: the fastest that works, see weft devices)')
  .option('--no-cache', 'neither read nor write the cache')
  .action((flags: TransferFlags) => transfer(flags));

const sweeps = program
  .command('sweep')
  .argument('<graph>', 'a *.weft.json file')
  .description('run a graph for each value of one or two parameters; writes each cell and a sheet')
  .option(
    '--over <node.param=values>',
    'parameter to vary: first columns, then rows (default: from the sweep node)',
    collect,
    [],
  )
  .option('--of <node.port>', 'image to show in each cell (default: the only one)')
  .option('--node <id>', 'sweep node, if there are several')
  .option('--shard <i/n>', 'run only one part of the cells', (text: string) => parseShard(text))
  .option('--out <dir>', 'folder for the cells (default: weft-out/GRAPH-sweep beside the graph)')
  .option('--set <node.param=value>', 'override a parameter in all cells', collect, [])
  .option('--provider <name>', 'device to compute on')
  .option('--no-cache', 'neither read nor write the cache; cells are kept')
  .option('--allow-outside', 'let the graph read images outside its own folder')
  .action((graph: string, flags: SweepFlags) => sweep(graph, flags));
sweeps
  .command('merge')
  .argument('<dir...>', 'folders of one sweep')
  .description('collect the cells of all shards in the first folder and write its sheet')
  .action(merge);

program
  .command('validate')
  .argument('<graph...>', '*.weft.json files')
  .description('check graphs; prints problems as file:line:column: node.port: message')
  .action(async (graphs: string[]) => {
    process.exitCode = await validate(graphs);
  });

program
  .command('inspect')
  .argument('<run>', 'a run.json, an image that Weft wrote, or a graph')
  .description('draw a heat map of where a location of the result attends')
  .option('--at <x,y>', 'location in pixels of the result (with --from appearance: of the appearance)')
  .option(
    '--step <n>',
    'step, counted from 1 (default: the middle one of those that attended to the appearance)',
    positive,
  )
  .option(
    '--resolution <n>',
    'attention resolution in tokens per side (default: the highest that is swapped)',
    positive,
  )
  .option('--head <n>', 'attention head, counted from 1 (default: the mean of all)', positive)
  .addOption(
    new Option('--from <side>', 'image that --at refers to').choices(['output', 'appearance']).default('output'),
  )
  .addOption(new Option('--map <kind>', 'what to draw').choices(['heat', 'correspondence', 'parts']).default('heat'))
  .option('--appearance <n>', 'which appearance, if there are several, counted from 1', positive, 1)
  .option('--parts <n>', 'with --map parts: how many parts each image has', positive, 5)
  .option('--raw', 'show attention without the contrast of the run')
  .option('--out <file>', 'image to write (default: RUN.heat.png, RUN.correspondence.png or RUN.parts.png)')
  .option('--size <pixels>', 'minimum side of that image', positive, 512)
  .option('--node <id>', 'denoise node, if the graph has several')
  .option('--folder <dir>', "folder that the graph's paths are relative to, if Weft can't find it")
  .option('--provider <name>', 'device to compute on (default: the one that the run used)')
  .option('--allow-outside', 'let the graph read images outside its own folder')
  .action((source: string, flags: InspectFlags) => inspect(source, flags));

program
  .command('eval')
  .argument('<picture...>', 'images that Weft wrote, or any others with --structure and --appearance')
  .description('measure results: shapes against the structure, colours and textures against the appearance')
  .option('--structure <image>', "structure image to compare with (default: the one in the result's graph)")
  .option('--appearance <image>', "appearance image to compare with (default: the one in the result's graph)")
  .option('--domain <noun>', 'what the images show')
  .option('--checkpoint <id>', "checkpoint to measure with (default: the result's own, else mini)")
  .option('--truth <image>', 'ground truth, if there is one')
  .option('--parts <image>', 'PNG with the part ids of the ground truth')
  .option('--node <id>', 'denoise node, if the graph has several')
  .option('--folder <dir>', "folder that the graph's paths are relative to, if Weft can't find it")
  .option('--allow-outside', "let the result's graph read images outside its own folder")
  .option('--json', 'print JSON instead of a table')
  .option('--provider <name>', 'device to compute on')
  .option('--no-cache', 'neither read nor write the cache')
  .action((pictures: string[], flags: EvaluateFlags) => evaluate(pictures, flags));

const models = program.command('models').description('manage the checkpoints in the library');
models.command('list').description('list the checkpoints in the library').action(listModels);
models.command('available').description('list the checkpoints that you can download by name').action(availableModels);
models
  .command('show')
  .argument('<id>')
  .description("show a checkpoint's size, licence and memory needs")
  .action(showModel);
models
  .command('download')
  .argument('<name>', 'one of `weft models available`, or a manifest file (*.json)')
  .option('--accept-license', "accept the checkpoint's licence, which is shown first")
  .option('--mirror <url>', 'server that has the same files (default: WEFT_MIRROR, HF_ENDPOINT, else the publisher)')
  .description('download and add a checkpoint, or resume a paused download; the last line is its id')
  .action((name: string, flags: DownloadFlags) => downloadModel(name, flags));
models
  .command('add')
  .argument('<paths...>', 'a .safetensors file, a diffusers or ONNX folder, or the files of one checkpoint')
  .option('--id <id>', 'id for the checkpoint')
  .addOption(
    new Option('--prediction <what>', 'what the UNet predicts, if its files do not say').choices(['epsilon', 'v']),
  )
  .option('--vae <file>', 'a VAE to use instead of its own: a .safetensors file, or its name in a model folder')
  .description('add a checkpoint; the last line is its id. .safetensors files are not copied')
  .action((paths: string[], flags: AddFlags) => addModel(paths, flags));
models
  .command('scan')
  .argument('[dir]', 'a folder of A1111, Forge or ComfyUI (default: all folders listed so far)')
  .option('--forget', 'stop listing the folder')
  .description('list the checkpoints, VAEs and LoRAs in a folder; you can then use its checkpoints by their ids')
  .action((folder: string | undefined, flags: { forget?: boolean }) => scanModels(folder, flags));
models
  .command('verify')
  .argument('<id>')
  .description('check every file against its digest and open it')
  .action(verifyModel);
models
  .command('remove')
  .argument('<id>')
  .option('--yes', 'do not ask')
  .description('remove a checkpoint, its prepared files and its downloads')
  .action((id: string, flags: { yes?: boolean }) => removeModel(id, flags));

const cache = program.command('cache').description('manage cached data: results of nodes, attention, optimised models');
cache.command('show').description("show the cache's folders, their sizes and limits").action(showCache);
cache.command('clear').description('clear the cache; results and checkpoints stay').action(clearCache);

const devices = program
  .command('devices')
  .description('list the devices that this machine can compute on')
  .option('--probe', 'probe every device again')
  .action((flags: { probe?: boolean }) => listDevices(flags.probe ?? false));
devices
  .command('install')
  .argument('<library>', 'cuda: for NVIDIA GPUs on Linux')
  .option('--yes', 'download it without asking')
  .option('--index <url>', 'NuGet index to download from (default: WEFT_NUGET_INDEX, else nuget.org)')
  .description("download onnxruntime's library for a device, after showing its size")
  .action((library: string, flags: { yes?: boolean; index?: string }) => installDevice(library, flags));
devices
  .command('remove')
  .argument('<library>', 'cuda')
  .description('remove an installed library')
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
