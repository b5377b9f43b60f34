import { useEffect, useState } from 'react';
import { type InspectParts } from '../../extension/protocol/inspect';
import { bytesOf, pngUrl } from '../model/bytes';
import { ask } from '../model/inspectRequests';
import { useStudio } from '../model/store';

/** The parts of a run with its pictures: the structure, and each appearance by its node. */
export interface FoundParts {
  parts: InspectParts;
  /** Into how many each image is divided. */
  clusters: number;
  structure: string;
  looks: Readonly<Record<string, string>>;
}

/** The parts of the last run of a denoise node, as soon as it has ended; until then those of the run before. */
export function useParts(
  node: string | undefined,
  clusters: number,
): { found: FoundParts | undefined; problem: string | undefined } {
  const runId = useStudio((state) => state.run?.runId);
  const ended = useStudio((state) => {
    const at = node === undefined ? undefined : state.run?.nodes[node]?.state;
    return at === 'done' || at === 'cached';
  });
  const [found, setFound] = useState<FoundParts | undefined>();
  const [problem, setProblem] = useState<string | undefined>();
  useEffect(() => {
    if (node === undefined || runId === undefined || !ended) return undefined;
    let wanted = true;
    load(runId, node, clusters).then(
      (next) => {
        if (!wanted) return release(next);
        setProblem(undefined);
        setFound(next);
      },
      (error: unknown) => {
        if (wanted) setProblem(error instanceof Error ? error.message : String(error));
      },
    );
    return () => {
      wanted = false;
    };
  }, [node, runId, ended, clusters]);
  useEffect(() => () => found && release(found), [found]);
  return { found, problem: ended ? problem : 'This graph has not run in this window yet.' };
}

async function load(runId: string, node: string, clusters: number): Promise<FoundParts> {
  const { structure, appearances, ...rest } = await ask('inspect.parts', { runId, node, clusters });
  const picture = async (which: number | 'structure'): Promise<string> => {
    const { png } = await ask('inspect.picture', { runId, node, picture: which });
    return pngUrl(png);
  };
  const looks = await Promise.all(appearances.map(async (one) => [one.node, await picture(one.look)] as const));
  return {
    clusters,
    parts: {
      ...rest,
      structure: bytesOf(structure),
      appearances: appearances.map((one) => ({ ...one, labels: bytesOf(one.labels) })),
    },
    structure: await picture('structure'),
    looks: Object.fromEntries(looks),
  };
}

function release({ structure, looks }: FoundParts): void {
  for (const url of [structure, ...Object.values(looks)]) URL.revokeObjectURL(url);
}
