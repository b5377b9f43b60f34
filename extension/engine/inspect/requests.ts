import { z } from 'zod';
import { graphError } from '../../protocol/errors';
import { type EngineHandlers } from '../../protocol/engine';
import {
  attentionSchema,
  floatsOf,
  inspectDrawPartsSchema,
  inspectDrawSchema,
  inspectMapSchema,
  type InspectMethod,
  inspectOpenSchema,
  inspectPartsSchema,
  inspectPictureSchema,
  tokensOf,
} from '../../protocol/inspect';
import { countOf, strongestParts } from '../../protocol/parts';
import { type ContentStore } from '../cache/store';
import { encodePng, type RgbPicture } from '../image/png';
import { besideEachOther, drawCircles, drawCorrespondence, drawHeat, drawParts } from './draw';
import { type Inspection } from './inspection';

export interface InspectedRun {
  inspections: Map<string, Inspection>;
  /** The result of a denoise node, once it has one. */
  result(node: string): RgbPicture | undefined;
}

/** Answers to the questions of protocol/inspect.ts, about the runs that `runOf` still knows. */
export function inspectHandlers(
  runOf: (runId: string) => InspectedRun | undefined,
  cache: ContentStore,
): EngineHandlers<InspectMethod> {
  const find = ({ runId, node }: { runId: string; node: string }): Inspection => {
    const found = runOf(runId)?.inspections.get(node);
    if (!found) {
      throw graphError(
        `The attention of ${node} is not in memory: run the graph again. Earlier results are kept, so this takes only a moment.`,
        node,
      );
    }
    return found;
  };
  return {
    'inspect.open': async (params) => {
      const { runId, node } = parsed(inspectOpenSchema, params);
      return find({ runId, node }).info(runId);
    },
    'inspect.picture': async (params) => {
      const { picture, ...where } = parsed(inspectPictureSchema, params);
      const inspection = find(where);
      const shown =
        picture === 'structure' ? inspection.picture('structure', 0) : inspection.picture('appearance', picture);
      return { png: await encodePng(shown) };
    },
    'inspect.map': async (params) => {
      const { from, points, peaksOnly, ...where } = parsed(inspectMapSchema, params);
      return find(where).map(where, from, points, cache, peaksOnly);
    },
    'inspect.correspondence': async (params) => {
      const where = parsed(attentionSchema, params);
      return find(where).correspondence(where, cache);
    },
    'inspect.parts': async (params) => {
      const { clusters, ...where } = parsed(inspectPartsSchema, params);
      return find(where).parts(clusters, cache);
    },
    'inspect.drawParts': async (params) => {
      const { clusters, image, size, ...where } = parsed(inspectDrawPartsSchema, params);
      const inspection = find(where);
      const { grid, structure, appearances } = await inspection.parts(clusters, cache);
      const shown = appearances[image];
      if (!shown) throw graphError(`${where.node} has ${appearances.length} appearances.`, where.node);
      const matched = strongestParts(appearances).map((best) => (best?.image === image ? best.part : undefined));
      const count = countOf(shown.labels);
      const own = Array.from({ length: count }, (_, part) => part);
      const left = { labels: structure, colours: matched, count };
      const right = { labels: shown.labels, colours: own, count };
      const both = besideEachOther(
        drawParts(inspection.picture('structure', 0), left, grid, size),
        drawParts(inspection.picture('appearance', shown.look), right, grid, size),
      );
      return { png: await encodePng(both) };
    },
    'inspect.draw': async (params) => {
      const { what, from, point, size, ...where } = parsed(inspectDrawSchema, params);
      const inspection = find(where);
      const output = () => {
        const result = runOf(where.runId)?.result(where.node);
        if (!result) throw graphError(`${where.node} has no image yet. Wait until its run ends.`, where.node);
        return result;
      };
      if (what === 'correspondence') {
        const { targets, grid, source } = await inspection.correspondence(where, cache);
        const drawn = drawCorrespondence(output(), tokensOf(targets), grid, size);
        if (source === 'appearance') drawCircles(drawn, inspection.circles('to', where.look));
        return { png: await encodePng(drawn), source };
      }
      if (!point) throw graphError('A heat map needs a location.', where.node);
      const { weights, grid, peaks, source } = await inspection.map(where, from, [point], cache);
      const below = from === 'source' ? output() : inspection.picture(source, where.look);
      const drawn = drawHeat(below, floatsOf(weights), grid, size);
      if (source === 'appearance')
        drawCircles(drawn, inspection.circles(from === 'source' ? 'to' : 'from', where.look));
      return { png: await encodePng(drawn), peak: peaks[0], source };
    },
  };
}

function parsed<T extends z.ZodType>(schema: T, params: unknown): z.output<T> {
  const result = schema.safeParse(params);
  if (!result.success) throw graphError(`The attention request is not valid: ${z.prettifyError(result.error)}`);
  return result.data;
}
