/* CTC prefix beam search over a character n-gram model and a list of words: one line at a time, in plain C.

   It finds the texts that the search of beam.py finds with the scorers of lm/scorer.py and lexicon.py: the same rules
   with the same arithmetic. compiled.py builds and calls it. Arrays come from checked model files; nothing here writes
   to them, and every index that is read from one is below the size that the loader has checked. */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef _WIN32
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

#define BLANK 0
#define MAX_ORDER 8
#define ROOT 0      /* the state of the empty context, and the lexicon's place between words */
#define NO_STATE -1

enum { OUT_OF_MEMORY = -1 };
enum { LETTER, DIGIT };              /* kinds of a lexicon's labels; all others are signs */
enum { BETWEEN, UNKNOWN_WORD, NUMBER };

/* The automaton of lm/model.py with weighted values, and the rules of lm/tokens.py. */
typedef struct {
    int32_t order, start, classes, end_symbol, code_bytes;
    float bonus, unknown, ceiling;
    const uint8_t *labels, *followed;
    const int32_t *rank, *first;
    const void *log_probs, *backoffs;
    const float *log_prob_values, *backoff_values;
    const uint8_t *symbols, *following;
    const float *added, *least;
} Ngrams;

/* The automaton of lexicon.py. */
typedef struct {
    int64_t edges, classes;
    const int8_t *kinds;
    const int64_t *labels, *keys;
    const int32_t *children, *other, *letter_to;
    const int16_t *other_cost, *end_cost, *letter_cost;
    const uint8_t *forks, *closes;
    const double *penalty;
} Lexicon;

typedef struct {
    double limit, least, blank_scale; /* natural logarithms; limit above 0: no blank is certain */
    int32_t width, results, max_labels;
} Options;

/* Where a text stands in the scorers. nodes[k]: the state of its last k characters, NO_STATE if that is not one. */
typedef struct {
    int32_t nodes[MAX_ORDER];
    int32_t word;
    uint8_t mode;
} Place;

typedef struct {
    uint64_t text, parent; /* fingerprints */
    double in_blank, in_label, total, bonus;
    int32_t last;
    Place place;
} Prefix;

/* A way to continue a prefix: as it is (label BLANK), or with one label more. */
typedef struct {
    double rank, total, bonus;
    int32_t source, label;
} Way;

typedef struct {
    int32_t label;
    double log_prob;
} Candidate;

static double add_logs(double a, double b) /* as numpy.logaddexp */
{
    if (a == b)
        return a + 0.693147180559945309417232121458176568;
    double difference = a - b;
    if (difference > 0)
        return a + log1p(exp(-difference));
    if (difference <= 0)
        return b + log1p(exp(difference));
    return difference; /* not a number */
}

/* ---- n-gram model ---- */

static int32_t find_gram(const Ngrams *m, int32_t state, int symbol)
{
    int32_t low = m->first[state], end = m->first[state + 1], high = end;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (m->labels[middle] < symbol)
            low = middle + 1;
        else
            high = middle;
    }
    return low < end && m->labels[low] == symbol ? low : -1;
}

static int count_bits(unsigned byte)
{
    int count = 0;
    for (; byte; byte &= byte - 1)
        count++;
    return count;
}

static int32_t state_of_gram(const Ngrams *m, int32_t gram)
{
    unsigned byte = m->followed[gram >> 3], before = (unsigned)gram & 7;
    if (!(byte >> (7 - before) & 1))
        return NO_STATE;
    return 1 + m->rank[gram >> 3] + count_bits(byte >> (8 - before));
}

static float value(const Ngrams *m, const void *codes, const float *values, int32_t index)
{
    return values[m->code_bytes == 1 ? ((const uint8_t *)codes)[index] : ((const uint16_t *)codes)[index]];
}

/* The score of a symbol whose longest known n-gram is `gram`, found at nodes[k]; -1: not even the symbol is known. */
static float score_gram(const Ngrams *m, const int32_t *nodes, int symbol, int32_t gram, int k)
{
    float score = m->unknown;
    if (gram >= 0)
        score = value(m, m->log_probs, m->log_prob_values, gram) + (symbol == m->end_symbol ? 0.0f : m->bonus);
    else
        k = 0;
    for (k++; k < m->order; k++)
        if (nodes[k] != NO_STATE)
            score += value(m, m->backoffs, m->backoff_values, nodes[k]);
    return score;
}

static float score_symbol(const Ngrams *m, const int32_t *nodes, int symbol)
{
    int k = m->order - 1;
    int32_t gram = -1;
    for (; k >= 0; k--)
        if (nodes[k] != NO_STATE && (gram = find_gram(m, nodes[k], symbol)) >= 0)
            break;
    return score_gram(m, nodes, symbol, gram, k);
}

static float score_ngram(const Ngrams *m, const Place *place, int label)
{
    int32_t rule = place->mode * m->classes + label;
    float least = m->least[rule];
    if (m->added[rule] == -INFINITY)
        return least;
    float score = score_symbol(m, place->nodes, m->symbols[rule]) + m->added[rule];
    return score > least ? score : least;
}

static void advance_ngram(const Ngrams *m, Place *place, int label)
{
    int32_t rule = place->mode * m->classes + label;
    int symbol = m->symbols[rule];
    for (int k = m->order - 1; k > 0; k--) {
        int32_t gram = place->nodes[k - 1] == NO_STATE ? -1 : find_gram(m, place->nodes[k - 1], symbol);
        place->nodes[k] = gram < 0 ? NO_STATE : state_of_gram(m, gram);
    }
    place->mode = m->following[rule];
}

/* ---- lexicon ---- */

/* score_ngram and advance_ngram with one look-up of each n-gram. */
static float follow_ngram(const Ngrams *m, Place *place, int label)
{
    int32_t rule = place->mode * m->classes + label, grams[MAX_ORDER], longest = -1;
    int symbol = m->symbols[rule];
    for (int k = 0; k < m->order; k++) {
        grams[k] = place->nodes[k] == NO_STATE ? -1 : find_gram(m, place->nodes[k], symbol);
        if (grams[k] >= 0)
            longest = k;
    }
    float score = m->least[rule];
    if (m->added[rule] != -INFINITY) {
        int32_t gram = longest < 0 ? -1 : grams[longest];
        float seen = score_gram(m, place->nodes, symbol, gram, longest) + m->added[rule];
        score = seen > score ? seen : score;
    }
    for (int k = m->order - 1; k > 0; k--)
        place->nodes[k] = grams[k - 1] < 0 ? NO_STATE : state_of_gram(m, grams[k - 1]);
    place->mode = m->following[rule];
    return score;
}

static int64_t find_edge(const Lexicon *x, int32_t node, int64_t label)
{
    int64_t key = node * x->classes + label, low = 0, high = x->edges;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (x->keys[middle] < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low < x->edges && x->keys[low] == key ? low : -1;
}

static int has_other_reading(const Lexicon *x, int32_t node, int is_letter)
{
    return x->forks[node] && (is_letter || !x->closes[node]);
}

/* Where a label leads from a node; `cost` becomes the number of unknown words that this ends or begins. */
static int32_t follow_word(const Lexicon *x, int32_t node, int written, int *cost)
{
    int64_t label = x->labels[written], edge = find_edge(x, node, label);
    *cost = 0;
    if (edge >= 0)
        return x->children[edge];
    int is_letter = x->kinds[label] == LETTER;
    int32_t here = node;
    for (int before = 0; has_other_reading(x, here, is_letter);) {
        before += x->other_cost[here];
        here = x->other[here];
        if ((edge = find_edge(x, here, label)) >= 0) {
            *cost = before;
            return x->children[edge];
        }
    }
    *cost = is_letter ? x->letter_cost[node] : x->end_cost[node];
    return is_letter ? x->letter_to[node] : x->kinds[label] == DIGIT ? NUMBER : BETWEEN;
}

/* ---- both scorers ---- */

static double score(const Ngrams *m, const Lexicon *x, const Place *place, int label)
{
    double sum = 0;
    if (x) {
        int cost;
        follow_word(x, place->word, label, &cost);
        sum = x->penalty[cost];
    }
    return m ? sum + score_ngram(m, place, label) : sum;
}

static double score_end(const Ngrams *m, const Lexicon *x, const Place *place)
{
    double sum = x ? x->penalty[x->end_cost[place->word]] : 0;
    return m ? sum + score_ngram(m, place, BLANK) : sum;
}

static void advance(const Ngrams *m, const Lexicon *x, Place *place, int label)
{
    int cost;
    if (x)
        place->word = follow_word(x, place->word, label, &cost);
    if (m)
        advance_ngram(m, place, label);
}

static Place begin(const Ngrams *m)
{
    Place place = {.word = BETWEEN, .mode = 0};
    for (int k = 0; k < MAX_ORDER; k++)
        place.nodes[k] = NO_STATE;
    place.nodes[0] = ROOT;
    if (m && m->order > 1 && m->start != ROOT)
        place.nodes[1] = m->start;
    return place;
}

/* `scores` gets the score of each label, and that of the end. */
EXPORT void hwr_score_labels(const Ngrams *m, const Lexicon *x, const int32_t *labels, int64_t count, double *scores)
{
    Place place = begin(m);
    for (int64_t i = 0; i < count; i++) {
        scores[i] = 0;
        if (x) {
            scores[i] += score(NULL, x, &place, labels[i]);
            advance(NULL, x, &place, labels[i]);
        }
        if (m)
            scores[i] += follow_ngram(m, &place, labels[i]);
    }
    scores[count] = score_end(m, x, &place);
}

/* ---- search ---- */

static uint64_t code_of(int label) /* the finaliser of SplitMix64 */
{
    uint64_t code = (uint64_t)(label + 1) * 0x9E3779B97F4A7C15u;
    code = (code ^ code >> 30) * 0xBF58476D1CE4E5B9u;
    code = (code ^ code >> 27) * 0x94D049BB133111EBu;
    return code ^ code >> 31;
}

static int compare_down(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

static int find_candidates(const double *step, int classes, const Options *o, Candidate *found, double *sorted)
{
    int count = 0;
    for (int label = 1; label < classes; label++)
        if (step[label] >= o->least && step[label] > -INFINITY)
            found[count++] = (Candidate){label, step[label]};
    if (count <= o->max_labels)
        return count;
    for (int i = 0; i < count; i++)
        sorted[i] = found[i].log_prob;
    qsort(sorted, (size_t)count, sizeof *sorted, compare_down);
    double bound = sorted[o->max_labels - 1];
    int kept = 0;
    for (int i = 0; i < count; i++)
        if (found[i].log_prob >= bound)
            found[kept++] = found[i];
    return kept;
}

/* A heap of at most `width` ways whose lowest rank is on top. */
static int offer(Way *heap, int count, int width, Way way)
{
    int i;
    if (count < width) {
        for (i = count++; i > 0 && heap[(i - 1) / 2].rank > way.rank; i = (i - 1) / 2)
            heap[i] = heap[(i - 1) / 2];
    } else {
        if (!(way.rank > heap[0].rank))
            return count;
        for (i = 0;;) {
            int child = 2 * i + 1;
            if (child + 1 < count && heap[child + 1].rank < heap[child].rank)
                child++;
            if (child >= count || !(heap[child].rank < way.rank))
                break;
            heap[i] = heap[child];
            i = child;
        }
    }
    heap[i] = way;
    return count;
}

typedef struct {
    Prefix *beam, *next;
    Way *heap;
    double *stays_blank, *stays_label, *sorted;
    Candidate *candidates;
    uint8_t *joined;            /* (width, classes): whether the prefix with this label is in the beam already */
    int32_t *sources, *labels;  /* (time steps, width): how each prefix came about */
    double *scores;
    int32_t *order;
} Memory;

static void release(Memory *memory)
{
    void *parts[] = {memory->beam, memory->next, memory->heap, memory->stays_blank, memory->stays_label,
                     memory->sorted, memory->candidates, memory->joined, memory->sources, memory->labels,
                     memory->scores, memory->order};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        free(parts[i]);
}

static int reserve(Memory *memory, size_t width, size_t classes, size_t steps)
{
    memset(memory, 0, sizeof *memory);
    if (width > SIZE_MAX / 256 / (steps + classes + 1))
        return 0;
    return (memory->beam = malloc(width * sizeof(Prefix))) && (memory->next = malloc(width * sizeof(Prefix))) &&
           (memory->heap = malloc(width * sizeof(Way))) && (memory->stays_blank = malloc(width * sizeof(double))) &&
           (memory->stays_label = malloc(width * sizeof(double))) &&
           (memory->sorted = malloc(classes * sizeof(double))) &&
           (memory->candidates = malloc(classes * sizeof(Candidate))) &&
           (memory->joined = calloc(width * classes, 1)) &&
           (memory->sources = malloc((steps + 1) * width * sizeof(int32_t))) &&
           (memory->labels = malloc((steps + 1) * width * sizeof(int32_t))) &&
           (memory->scores = malloc(width * sizeof(double))) && (memory->order = malloc(width * sizeof(int32_t)));
}

typedef struct {
    const Ngrams *ngrams;
    const Lexicon *lexicon;
    const Options *options;
    int classes, count; /* of labels with the blank; of prefixes */
    double ceiling;     /* the most that a label may add */
    Memory memory;
} Search;

/* Where a prefix with one label more is in the beam already, add its probability there and mark it. */
static void join(Search *s, const Candidate *candidates, int candidate_count, int after_gap)
{
    Memory *m = &s->memory;
    for (int child = 0; child < s->count; child++) {
        int last = m->beam[child].last;
        if (last == BLANK)
            continue;
        for (int i = 0; i < s->count; i++) {
            const Prefix *ancestor = &m->beam[i];
            if (ancestor->text != m->beam[child].parent)
                continue;
            for (int c = 0; c < candidate_count; c++)
                if (candidates[c].label == last) {
                    double reached = last == ancestor->last && !after_gap ? ancestor->in_blank : ancestor->total;
                    m->stays_label[child] = add_logs(m->stays_label[child], reached + candidates[c].log_prob);
                    m->joined[i * s->classes + last] = 1;
                }
            break;
        }
    }
}

static int rank_ways(Search *s, const Candidate *candidates, int candidate_count, int after_gap)
{
    Memory *m = &s->memory;
    int chosen = 0, width = s->options->width;
    for (int i = 0; i < s->count; i++) {
        double total = add_logs(m->stays_blank[i], m->stays_label[i]), bonus = m->beam[i].bonus;
        if (total > -INFINITY)
            chosen = offer(m->heap, chosen, width, (Way){total + bonus, total, bonus, i, BLANK});
    }
    for (int i = 0; i < s->count; i++) {
        const Prefix *prefix = &m->beam[i];
        uint8_t *joined = m->joined + (size_t)i * (size_t)s->classes;
        for (int c = 0; c < candidate_count; c++) {
            int label = candidates[c].label;
            if (joined[label]) {
                joined[label] = 0;
                continue;
            }
            double reached = label == prefix->last && !after_gap ? prefix->in_blank : prefix->total;
            double total = reached + candidates[c].log_prob, bonus = prefix->bonus;
            if (!(total > -INFINITY) || (chosen == width && total + bonus + s->ceiling < m->heap[0].rank))
                continue;
            if (s->ngrams || s->lexicon)
                bonus += score(s->ngrams, s->lexicon, &prefix->place, label);
            if (total + bonus > -INFINITY)
                chosen = offer(m->heap, chosen, width, (Way){total + bonus, total, bonus, i, label});
        }
    }
    return chosen;
}

static void make_beam(Search *s, int chosen, int32_t *sources, int32_t *labels)
{
    Memory *m = &s->memory;
    for (int i = 0; i < chosen; i++) {
        const Way *way = &m->heap[i];
        Prefix *prefix = &m->next[i];
        *prefix = m->beam[way->source];
        prefix->total = way->total;
        if (way->label == BLANK) {
            prefix->in_blank = m->stays_blank[way->source];
            prefix->in_label = m->stays_label[way->source];
        } else {
            uint64_t text = (prefix->text ^ code_of(way->label)) * 0xBF58476D1CE4E5B9u;
            prefix->parent = prefix->text;
            prefix->text = text ^ text >> 31;
            prefix->in_blank = -INFINITY;
            prefix->in_label = way->total;
            prefix->bonus = way->bonus;
            prefix->last = way->label;
            advance(s->ngrams, s->lexicon, &prefix->place, way->label);
        }
        sources[i] = way->source;
        labels[i] = way->label;
    }
    Prefix *spare = m->beam;
    m->beam = m->next;
    m->next = spare;
    s->count = chosen;
}

static void advance_step(Search *s, const double *step, int after_gap, int32_t *sources, int32_t *labels)
{
    Memory *m = &s->memory;
    int candidate_count = find_candidates(step, s->classes, s->options, m->candidates, m->sorted);
    double blank = step[BLANK] * s->options->blank_scale;
    for (int i = 0; i < s->count; i++) {
        const Prefix *prefix = &m->beam[i];
        m->stays_blank[i] = prefix->total + blank;
        m->stays_label[i] = after_gap || prefix->last == BLANK ? -INFINITY : prefix->in_label + step[prefix->last];
    }
    join(s, m->candidates, candidate_count, after_gap);
    make_beam(s, rank_ways(s, m->candidates, candidate_count, after_gap), sources, labels);
}

/* Order the prefixes by their scores with the end of the line, the best first. */
static void order_beam(Search *s)
{
    Memory *m = &s->memory;
    for (int i = 0; i < s->count; i++) {
        m->scores[i] = m->beam[i].total + m->beam[i].bonus;
        if (s->ngrams || s->lexicon)
            m->scores[i] += score_end(s->ngrams, s->lexicon, &m->beam[i].place);
        int at = i;
        for (; at > 0 && m->scores[m->order[at - 1]] < m->scores[i]; at--)
            m->order[at] = m->order[at - 1];
        m->order[at] = i;
    }
}

/* Search one line.

   log_probs (steps, classes): natural logarithms, class 0 is the blank. For each result, best first: its labels go to
   texts (results, steps), their number to lengths, its log-probability and its score to log_p and scores.
   Returns the number of results, or OUT_OF_MEMORY. */
EXPORT int32_t hwr_search(const double *log_probs, int64_t steps, int32_t classes, const Options *options,
                          const Ngrams *ngrams, const Lexicon *lexicon, int32_t *texts, int32_t *lengths,
                          double *log_p, double *scores)
{
    Search search = {.ngrams = ngrams, .lexicon = lexicon, .options = options, .classes = classes, .count = 1};
    Memory *m = &search.memory;
    size_t width = (size_t)options->width;
    if (!reserve(m, width, (size_t)classes, (size_t)steps)) {
        release(m);
        return OUT_OF_MEMORY;
    }
    search.ceiling = ngrams ? ngrams->ceiling : 0;
    m->beam[0] = (Prefix){.text = 3, .parent = 2, .in_blank = 0, .in_label = -INFINITY, .place = begin(ngrams)};
    int64_t kept = 0, previous = -1;
    double left_out = 0;
    for (int64_t t = 0; t < steps; t++) {
        const double *step = log_probs + t * classes;
        if (options->limit <= 0 && step[BLANK] >= options->limit) {
            left_out += step[BLANK];
            continue;
        }
        advance_step(&search, step, t - previous > 1, m->sources + (size_t)kept * width, m->labels + (size_t)kept * width);
        previous = t;
        kept++;
    }
    left_out *= options->blank_scale;
    order_beam(&search);
    int32_t found = 0;
    for (int n = 0; n < search.count && found < options->results; n++) {
        int32_t place = m->order[n], *text = texts + (int64_t)found * steps, length = 0;
        if (!(m->scores[place] > -INFINITY))
            continue;
        log_p[found] = m->beam[place].total + left_out;
        scores[found] = m->scores[place] + left_out;
        for (int64_t t = kept - 1; t >= 0; t--) {
            size_t at = (size_t)t * width + (size_t)place;
            if (m->labels[at] != BLANK)
                text[length++] = m->labels[at];
            place = m->sources[at];
        }
        for (int32_t i = 0; i < length / 2; i++) {
            int32_t label = text[i];
            text[i] = text[length - 1 - i];
            text[length - 1 - i] = label;
        }
        lengths[found++] = length;
    }
    release(m);
    return found;
}
