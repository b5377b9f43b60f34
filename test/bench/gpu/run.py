"""Unpacks the kit that lies beside this file and measures Weft on this machine: python3 FOLDER/run.py [--work DIR] [--quick]

For a Linux x64 machine with a graphics card and Python with PyTorch and CUDA 13. It uses no network and needs 6 GB of disk. Takes at most
eight minutes. Each measurement is a process of its own with a time limit; one that fails or is missing is a sentence, and the others go on.
WORK/result.json is written anew after each figure; at the end it is printed, and a table for docs/devices.md. --quick rehearses in some
minutes with a narrow model, a few steps and small pictures."""
import argparse
import array
import glob
import hashlib
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PROVIDERS = ('cuda', 'webgpu')
# What onnxruntime's CUDA provider links: the driver's library, and CUDA's.
CUDA_LIBRARIES = ('libcuda.so.1', 'libcudart.so.13', 'libcublas.so.13', 'libcublasLt.so.13', 'libcurand.so.10')
TOTAL_SECONDS = 480
# Seconds that one measurement may take.
LIMITS = {'weights': 60, 'step': 60, 'latents': 60, 'transfer': 75, 'batches': 40, 'pytorch': 75}


class Failure(Exception):
    """One sentence that says what went wrong."""


class Pieces:
    """The pieces as one stream, each checked before it is read."""

    def __init__(self, folder):
        try:
            with open(os.path.join(folder, 'pieces.json')) as file:
                self.left = sorted(json.load(file).items())
        except OSError as error:
            raise Failure(f'The list of the pieces cannot be read: {error}. Copy the whole folder of the kit.')
        self.folder, self.bytes = folder, b''

    def read(self, count):
        while len(self.bytes) < count and self.left:
            name, digest = self.left.pop(0)
            try:
                with open(os.path.join(self.folder, name), 'rb') as file:
                    piece = file.read()
            except OSError as error:
                raise Failure(f'The piece {name} cannot be read: {error}. Copy it again.')
            if hashlib.sha256(piece).hexdigest() != digest:
                raise Failure(f'The piece {name} is damaged. Copy it again.')
            self.bytes += piece
        taken, self.bytes = self.bytes[:count], self.bytes[count:]
        return taken


def unpack(folder, kit):
    part = f'{kit}.part'
    shutil.rmtree(part, ignore_errors=True)
    with tarfile.open(fileobj=Pieces(folder), mode='r|gz', bufsize=1 << 24) as archive:
        archive.extractall(part)
    os.rename(part, kit)


def library_folders(kit):
    """Where CUDA's libraries lie: PyTorch's packages bring them."""
    folders = []
    for place in sys.path:
        folders += sorted(glob.glob(os.path.join(glob.escape(place), 'nvidia', '*', 'lib')))
        folders += sorted(glob.glob(os.path.join(glob.escape(place), 'torch', 'lib')))
    return [*folders, *sorted(glob.glob('/usr/local/cuda*/lib64')), os.path.join(kit, 'lib')]


def environment(kit, home):
    inherited = os.environ.get('LD_LIBRARY_PATH')
    return {
        **os.environ,
        'LD_LIBRARY_PATH': os.pathsep.join([*([inherited] if inherited else []), *library_folders(kit)]),
        'WEFT_HOME': home,
        # The engine's process is started with these: memory that was freed is used again at once.
        'MALLOC_MMAP_MAX_': '0',
        'MALLOC_TRIM_THRESHOLD_': '40000000000',
    }


def nvidia_smi(query):
    program = shutil.which('nvidia-smi') or '/usr/bin/nvidia-smi'
    try:
        answer = subprocess.run([program, f'--query-gpu={query}', '--format=csv,noheader,nounits'], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.splitlines()[0].strip() if answer.returncode == 0 and answer.stdout else None


def card_bytes():
    used = nvidia_smi('memory.used')
    return int(used) * 2 ** 20 if used and used.isdigit() else None


class Kit:
    def __init__(self, work, quick):
        self.work, self.quick = work, quick
        self.kit, self.home = os.path.join(work, 'kit'), os.path.join(work, 'home')
        self.started = time.monotonic()
        self.result = {'machine': machine(), 'quick': quick, 'measured': {}, 'failures': []}

    def save(self):
        self.result['seconds'] = round(time.monotonic() - self.started, 1)
        file = os.path.join(self.work, 'result.json')
        with open(f'{file}.part', 'w') as part:
            json.dump(self.result, part, indent=2)
        os.replace(f'{file}.part', file)

    def fail(self, sentence):
        print(sentence, file=sys.stderr, flush=True)
        self.result['failures'].append(sentence)
        self.save()

    def measure(self, who, what, command):
        """Runs one measurement and keeps its figures. True if it came to its end."""
        limit = min(LIMITS[what], TOTAL_SECONDS - (time.monotonic() - self.started))
        if limit < 5:
            self.fail(f'{who}, {what}: not measured, the {TOTAL_SECONDS} seconds are over.')
            return False
        print(f'{who}, {what} …', file=sys.stderr, flush=True)
        figures = self.result['measured'].setdefault(who, {})
        before = peak = card_bytes()
        errors = os.path.join(self.work, 'errors.txt')
        with open(errors, 'w') as sink:
            try:
                child = subprocess.Popen(command, env=environment(self.kit, self.home), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                         stderr=sink, text=True, start_new_session=True)
            except OSError as error:
                self.fail(f'{who}, {what}: {command[0]} cannot be started: {error}.')
                return False

        def read():
            for line in child.stdout:
                try:
                    figures.update(json.loads(line))
                except ValueError:
                    continue
                self.save()

        reader = threading.Thread(target=read)
        reader.start()
        deadline, late = time.monotonic() + limit, False
        while child.poll() is None:
            if time.monotonic() > deadline:
                late = True
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
                break
            time.sleep(0.2)
            now = card_bytes() if before is not None else None
            peak = max(peak, now) if now is not None else peak
        reader.join()
        if peak is not None:
            figures['peakCardBytes'] = max(figures.get('peakCardBytes', 0), peak - before)
        self.save()
        if late:
            self.fail(f'{who}, {what}: ended after its limit of {limit:.0f} s.')
        elif child.returncode != 0:
            with open(errors, errors='replace') as file:
                lines = [line.strip() for line in file if line.strip()]
            reason = lines[-1][:400] if lines else 'it said nothing'
            ended = f'signal {-child.returncode}' if child.returncode < 0 else f'exit code {child.returncode}'
            self.fail(f'{who}, {what}: failed ({ended}): {reason}')
        return not late and child.returncode == 0

    def weft(self, provider, what, steps=None):
        side = 8 if self.quick else 64
        steps = steps or (4 if self.quick else 100)
        command = [os.path.join(self.kit, 'node'), os.path.join(self.kit, 'dist', 'measure.js'), what, '--home', self.home,
                   '--provider', provider, '--side', str(side), '--steps', str(steps), '--seed', '1']
        return self.measure(provider, what, [*command, *(['--narrow'] if self.quick else [])])

    def compare(self, who, what):
        """How far numbers are from the processor's: root mean squares of difference and of what there should be."""
        arrays = []
        for name in ('cpu', who):
            numbers = array.array('f')
            try:
                with open(os.path.join(self.home, f'{what}.{name}.f32'), 'rb') as file:
                    numbers.frombytes(file.read())
            except OSError:
                return
            arrays.append(numbers)
        expected, found = arrays
        if len(found) != len(expected) or not found:
            self.fail(f'{who}, {what}: {len(found)} numbers instead of {len(expected)}.')
            return
        difference = sum((a - b) ** 2 for a, b in zip(expected, found))
        self.result['measured'][who][f'{what}Difference'] = (difference / sum(a * a for a in expected)) ** 0.5
        self.save()

    def run(self):
        os.makedirs(self.home, exist_ok=True)
        if not os.path.isdir(self.kit):
            print('Unpacking …', file=sys.stderr, flush=True)
            unpack(HERE, self.kit)
        # What an earlier call left would be taken for this one's.
        shutil.rmtree(self.home)
        os.makedirs(self.home)
        self.started = time.monotonic()
        if not self.weft('cpu', 'weights'):
            return
        self.weft('cpu', 'step')
        self.weft('cpu', 'latents', 4)
        for provider in PROVIDERS:
            self.provider(provider)
            if provider == PROVIDERS[0]:
                self.pytorch()
        if self.quick:
            for what in ('transfer', 'batches'):
                self.weft('cpu', what)

    def provider(self, provider):
        # Where one step fails the rest would, too.
        if not self.weft(provider, 'step') and 'opens' not in self.result['measured'].get(provider, {}):
            if provider == 'cuda':
                self.say_missing()
            return
        self.compare(provider, 'step')
        for what, steps in (('latents', 4), ('transfer', None), ('batches', None)):
            self.weft(provider, what, steps)
            if what == 'latents':
                self.compare(provider, what)

    def say_missing(self):
        missing = []
        for name in CUDA_LIBRARIES:
            load = [sys.executable, '-c', f'import ctypes; ctypes.CDLL({name!r})']
            if subprocess.run(load, env=environment(self.kit, self.home), capture_output=True).returncode != 0:
                missing.append(name)
        if missing:
            self.fail(f"cuda: this machine lacks {', '.join(missing)}. libcuda comes with NVIDIA's driver, the others with PyTorch for CUDA 13 and the kit.")

    def pytorch(self):
        steps, skip = ('4', '1') if self.quick else ('100', '32')
        command = [sys.executable, os.path.join(self.kit, 'peer.py'), os.path.join(self.home, 'full.safetensors'), self.home]
        self.measure('pytorch', 'pytorch', [*command, '--side', '8' if self.quick else '64', '--steps', steps, '--skip', skip])
        self.compare('pytorch', 'step')


def machine():
    name = platform.processor() or platform.machine()
    try:
        with open('/proc/cpuinfo') as file:
            name = next((line.split(':')[1].strip() for line in file if line.startswith('model name')), name)
    except OSError:
        pass
    return {'processor': name, 'threads': len(os.sched_getaffinity(0)), 'card': nvidia_smi('name'), 'driver': nvidia_smi('driver_version')}


def seconds(value):
    return f'{value:.3g} s'


def share(value):
    return f'{100 * value:.1f} %'


def gigabytes(value):
    return f'{value / 1e9:.2f} GB'


def on_processor(nodes):
    return str(nodes.get('cpu', 0))


ROWS = [
    ('one step: difference from `cpu`', 'stepDifference', lambda value: f'{value:.1e}'),
    ('latents after 4 steps: difference from `cpu`', 'latentsDifference', lambda value: f'{value:.1e}'),
    ('opening the UNet', 'opens', seconds),
    ('plain row', 'plainRow', seconds),
    ('swapped step', 'swappedStep', seconds),
    *((f'inversion, {count} a batch: a row', f'batch{count}', seconds) for count in (1, 2, 4, 8, 16)),
    ('cold transfer', 'cold', seconds),
    ('first preview of it', 'coldFirstPreview', seconds),
    ('outside onnxruntime', 'coldOutside', share),
    ('warm transfer', 'warm', seconds),
    ('outside onnxruntime', 'warmOutside', share),
    ('nodes on the processor', 'coldNodes', on_processor),
    ('peak memory of the card', 'peakCardBytes', gigabytes),
    ('peak memory of the process', 'peakRssBytes', gigabytes),
]


def table(result):
    """Markdown: what was measured by provider; a dash where there is no figure."""
    measured = result['measured']
    columns = [who for who in ('cpu', *PROVIDERS, 'pytorch') if measured.get(who)]
    cell = lambda who, key, text: text(measured[who][key]) if measured[who].get(key) is not None else '–'
    title = lambda who: f"PyTorch {measured[who].get('precision', '')}".strip() if who == 'pytorch' else f'`{who}`'
    lines = [['', *map(title, columns)], ['---'] * (len(columns) + 1)]
    for name, key, text in ROWS:
        lines.append([name, *(cell(who, key, text) for who in columns)])
    return '\n'.join(f"| {' | '.join(line)} |" for line in lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--work', default='weft-gpu', help='folder to unpack and measure in (default: weft-gpu)')
    parser.add_argument('--quick', action='store_true', help='a rehearsal: narrow model, few steps, small pictures')
    options = parser.parse_args()
    work = os.path.abspath(options.work)
    os.makedirs(work, exist_ok=True)
    kit = Kit(work, options.quick)
    try:
        kit.run()
    except (Failure, OSError) as error:
        kit.fail(str(error))
        return 1
    finally:
        kit.save()
        print(json.dumps(kit.result, indent=2))
        print(table(kit.result))
    return 0


if __name__ == '__main__':
    sys.exit(main())
