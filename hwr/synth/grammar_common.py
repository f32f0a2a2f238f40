"""Rules that hold in every language: numbers, money, capitals, formulas, signs."""

from hwr.synth.grammar import read_rules

COMMON = read_rules(
    """
capital = A B C D E F G H I J K L M N O P Q R S T U V W X Y Z
small_letter = a b c d e f g h i j k l m n o p q r s t u v w x y z
roman = I II III IV V VI VII VIII IX X XI XII XIV XV XVI XVIII XIX XX XXI XL L XC C MDCCC MDCCXCIII MCMXIV
small_roman = i ii iii iv v vi vii viii ix x xi xii xv xx
year: 4* 18{00-99} | 4* 19{00-99} | 2* 20{00-29} | 17{00-99} | 16{00-99}
old_year: 17{00-99} | 3* 18{00-99} | 2* 19{00-40}
short_year: {00-99} | '{00-99}
day: {1-31}
month_number: {1-12}
number: 4* {1-9} | 4* {10-99} | 3* {100-999} | 2* {1000-9999} | {10000-99999} | {100000-999999}
small_number: 3* {2-9} | 2* {10-40} | {41-99}
grouped_en: {1-9},{000-999} | {10-99},{000-999} | {100-999},{000-999} | {1-9},{000-999},{000-999}
grouped_fr: {1-9}.{000-999} | {1-9} {000-999} | {10-99} {000-999} | {100-999} {000-999} | {1-9} {000-999} {000-999}
decimal_en: {0-9}.{0-9} | {0-99}.{00-99} | {grouped_en}.{00-99} | .{1-99}
decimal_fr: {0-9},{0-9} | {0-99},{00-99} | {grouped_fr},{00-99}
fraction: 1/2 | 1/4 | 3/4 | 1/3 | 2/3 | {1-7}/8 | {1-15}/16 | {1-99}/100 | ½ | ¼ | ¾ | {1-20} 1/2 | {1-20} 3/4 |
    {1-20} 1/4 | {1-9}½
slash_date: 4* {1-31}/{1-12}/{year} | 4* {01-31}/{01-12}/{year} | 2* {1-31}/{1-12}/{00-99} | {01-31}.{01-12}.{year} |
    {1-31}.{1-12}.{00-99} | {01-31}-{01-12}-{year} | {year}-{01-12}-{01-28} | {1-31}/{1-12} | {1-31}-{1-12}-{00-99} |
    {01-12}/{year}
clock: {0-23}:{00-59} | {00-23}:{00-59} | {1-12}.{00-59} | {0-23}:{00-59}:{00-59}
initials: {capital}. | {capital}.{capital}. | {capital}. {capital}. | {capital}.{capital}.{capital}. |
    {capital}{capital}
acronym: {capital}{capital} | {capital}{capital}{capital} | {capital}.{capital}.{capital}. |
    {capital}{capital}{capital}{capital} | {capital}{capital}-{1-999} | {capital}{1-99}
percent: {1-100}% | {1-100} % | {decimal_en}% | {decimal_fr} %
formula: {number} + {number} = {number} | {number} - {number} = {number} | {1-99} x {1-99} = {number} |
    {number} / {1-9} = {number} | {small_letter} = {number} | {1-99} × {1-99} | {1-99}² = {number} |
    {small_letter} + {small_letter} = {1-20} | {small_letter} > {1-99} | {small_letter} < {1-99} | ±{1-9} |
    {1-99} + {1-99} | + {number} | - {number}
measure: {1-99} kg | {1-999} g | {1-99} cm | {1-99} m | {1-99} mm | {1-9} l | {1-40}° | {1-40}°C | {1-60}° {0-59}' |
    {1-9}' {1-11}" | {1-99} km | {1-99}m {1-99} | {1-999} x {1-999} | {1-99} lb | {1-15} oz | {1-99} ft | {1-12} in.
code: {capital}{capital}{10-99} {1-9}{capital}{capital} | {capital}{1-9} {1-9}{capital}{capital} |
    {capital}{100-999} | {100-999}-{100-999} | {10000-99999} | #{1-999} | {1-99}{capital} | {1-99}-{small_letter} |
    {0001-9999}/{00-99} | {1000-9999}{capital} | [{1-99}] | ({1-99}) | {1-9}* | * {1-9} | § {1-99} | {year}/{1-99} |
    {capital}{capital}-{0001-9999}
mail: {small_letter}.{low_word}@{low_word}.com | {low_word}{1-99}@{low_word}.org | www.{low_word}.com |
    {low_word}@{low_word}.fr | http://{low_word}.net/{low_word}
low_word = river house mail home garden ville jardin lettre post art north book school studio maison soleil
signs: ... | ! | ? | !! | ?! | & c. | &c. | * * * | --- | -- | - | (?) | (!) | [...] | (...) | x x x | + | = | " |
    » « | {number} | ({small_letter}) | {capital} | {small_number}. | /
ordinal_number: {small_number}. | {1-9}) | ({1-9}) | {small_letter}) | ({small_letter}) | {roman}. | {1-9}.{1-9} |
    {1-9}.{1-9}. | {small_roman}) | {1-9}/ | {capital}. | - | * | +
"""
)
"""See `hwr.synth.grammar.read_rules` for how rules are written."""
