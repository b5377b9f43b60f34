"""Words: the tokenizer (a vocabulary of 30 words), the prompts of the training, and a two-layer CLIP-like text encoder."""
import math

import torch
import torch.nn as nn
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

CONTEXT_LENGTH = 16
START, END, UNKNOWN = '<|startoftext|>', '<|endoftext|>', '<|unk|>'
# What the renderer can draw; bird and car are in the vocabulary but were not trained.
NOUNS = {
    'animal': ['animal', 'giraffe', 'horse', 'dog', 'cow', 'zebra'],
    'bird': ['bird'],
    'fish': ['fish'],
    'car': ['car', 'sedan', 'van', 'truck'],
    'house': ['house', 'building', 'tower'],
    'cake': ['cake'],
}
OTHER_WORDS = 'a an the photo picture drawing image of small big cartoon'.split()
# The first template is the one Weft uses: "a photo of a {domain}", for "animal" too.
TEMPLATES = ['a photo of a {noun}', 'a photo of a {noun}', 'a photo of {article} {noun}', '{article} {noun}', 'a drawing of {article} {noun}',
             'a picture of the {noun}', '{noun}']


def build_tokenizer(path=None):
    """The word-level tokenizer; written to `path` (tokenizer.json) when one is given."""
    words = [START, END, UNKNOWN] + OTHER_WORDS + [noun for nouns in NOUNS.values() for noun in nouns]
    tokenizer = Tokenizer(models.WordLevel({word: index for index, word in enumerate(words)}, unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens([START, END, UNKNOWN])
    tokenizer.post_processor = processors.TemplateProcessing(single=f'{START} $A {END}', special_tokens=[(START, 0), (END, 1)])
    tokenizer.enable_truncation(CONTEXT_LENGTH)
    tokenizer.enable_padding(length=CONTEXT_LENGTH, pad_id=1, pad_token=END)
    if path:
        tokenizer.save(str(path))
    return tokenizer


TOKENIZER = build_tokenizer()


def tokenize(prompts):
    """Prompts -> int64 [n, 16]."""
    return torch.tensor([encoding.ids for encoding in TOKENIZER.encode_batch(list(prompts))])


def fill(template, noun):
    return template.format(noun=noun, article='an' if noun[0] in 'aeiou' else 'a')


# A table of all prompts, so that a training batch is a list of rows; row 0 is the empty prompt.
PROMPTS = ['']
NOUN_ROWS = {}  # the first of a noun's rows, one for each template
for _nouns in NOUNS.values():
    for _noun in _nouns:
        NOUN_ROWS[_noun] = len(PROMPTS)
        PROMPTS.extend(fill(template, _noun) for template in TEMPLATES)
PROMPT_IDS = tokenize(PROMPTS)
# Position of the noun's token in each prompt; 0 (the start token) in the empty one.
_NOUN_IDS = torch.tensor([TOKENIZER.token_to_id(noun) for nouns in NOUNS.values() for noun in nouns])
NOUN_POSITIONS = torch.isin(PROMPT_IDS, _NOUN_IDS).int().argmax(1)


class TextEncoder(nn.Module):
    """input_ids [b, 16] -> last_hidden_state [b, 16, 64], causal like CLIP's."""

    def __init__(self, vocabulary=None, width=64, layers=2, heads=4):
        super().__init__()
        self.token_embedding = nn.Embedding(vocabulary or TOKENIZER.get_vocab_size(), width)
        self.position_embedding = nn.Embedding(CONTEXT_LENGTH, width)
        nn.init.normal_(self.token_embedding.weight, std=0.05)
        nn.init.normal_(self.position_embedding.weight, std=0.02)
        self.layers = nn.ModuleList([TextLayer(width, heads) for _ in range(layers)])
        self.final_layer_norm = nn.LayerNorm(width)
        self.register_buffer('mask', torch.full((CONTEXT_LENGTH, CONTEXT_LENGTH), -1e4).triu(1), persistent=False)

    def forward(self, input_ids):
        hidden = self.token_embedding(input_ids) + self.position_embedding.weight[None, :input_ids.shape[1]]
        for layer in self.layers:
            hidden = layer(hidden, self.mask)
        return self.final_layer_norm(hidden)


class TextLayer(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.layer_norm1 = nn.LayerNorm(width)
        self.layer_norm2 = nn.LayerNorm(width)
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(width, width) for _ in range(4))
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, hidden, mask):
        batch, count, width = hidden.shape
        normed = self.layer_norm1(hidden)
        query, key, value = (projection(normed).reshape(batch, count, self.heads, width // self.heads).transpose(1, 2)
                             for projection in (self.q_proj, self.k_proj, self.v_proj))
        weights = (query @ key.transpose(-1, -2)) / math.sqrt(width // self.heads) + mask[:count, :count]
        hidden = hidden + self.out_proj((weights.softmax(-1) @ value).transpose(1, 2).reshape(batch, count, width))
        inner = self.fc1(self.layer_norm2(hidden))
        return hidden + self.fc2(inner * torch.sigmoid(1.702 * inner))
