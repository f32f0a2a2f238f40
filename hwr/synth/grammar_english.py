"""Rules of what is written in English beside prose."""

from hwr.synth.grammar import read_rules

ENGLISH = read_rules(
    """
phrase: 6* {date} | 2* {time} | 5* {money} | 4* {address} | 2* {phone} | 6* {person} | 4* {abbreviated} |
    5* {capitals} | 3* {list} | 2* {letter_start} | 3* {letter_end} | 2* {reference} | 2* {punctuated} |
    2* {measure} | {formula} | {code} | {signs} | {mail} | {percent} | {fraction} | {decimal_en} | {number} |
    3* {record} | 2* {^noun} | {noun} | 2* {heading} | 2* {remark} | 2* {quotation}
month = January February March April May June July August September October November December
month_short = Jan. Feb. Mar. Apr. Jun. Jul. Aug. Sept. Oct. Nov. Dec. Jan Feb Mar Apr Aug Sep Oct Nov Dec Janr.
    Febr. Septr. Octr. Novr. Decr. Augt. 7ber 8ber 9ber Xber
weekday = Monday Tuesday Wednesday Thursday Friday Saturday Sunday Mon. Tues. Wed. Thurs. Fri. Sat. Sun.
ordinal_day: 1st | 2nd | 3rd | 21st | 22nd | 23rd | 31st | 2d | 3d | 6* {4-20}th | 3* {24-30}th
date: 2* {month} {day}, {year} | 2* {day} {month} {year} | 2* {month} {ordinal_day}, {year} |
    {ordinal_day} {month} {year} | {ordinal_day} of {month}, {year} | {month_short} {day}, {year} |
    {month_short} {day}/{00-99} | {day} {month_short} {year} | {weekday}, {month} {ordinal_day} |
    {weekday} {day} {month} {year} | {weekday} {day} {month} | 3* {slash_date} | {month} {year} | {year} |
    {month} {day} | {place}, {month} {day}, {year} | {place} {ordinal_day} {month} {year} |
    this {ordinal_day} day of {month} {year} | {year}-{00-99} | {year} - {year} | the {day} {month_short} |
    in the year {year} | b. {year} | d. {day} {month} {year} | ca. {year} | {month} the {ordinal_day} | A.D. {year} |
    the {1-9}0s | {17-20}th century | (b. {year}, d. {year}) | {weekday} evening
time: {clock} | {clock} a.m. | {clock} p.m. | {1-12} o'clock | at {clock} | {1-12}.{00-59} P.M. | {1-12}am |
    {1-12} pm | half past {hour} | quarter to {hour} | {clock} - {clock} | {1-12} noon | from {clock} to {clock} |
    {1-12} h. {0-59} m. | {weekday} {clock} | ten past {hour}
hour = one two three four five six seven eight nine ten eleven twelve
money: 2* £{number} | 2* ${number} | £{decimal_en} | 2* ${decimal_en} | ${grouped_en} | £{grouped_en} |
    £{1-99}. {0-19}s. {0-11}d. | £{1-99}.{0-19}.{0-11} | {1-19}s. {1-11}d. | {1-19}/{1-11} | {1-19}/- | {1-11}d. |
    {1-99}c | €{decimal_en} | €{number} | {number} dollars | {number} pounds | {1-99} cents | {1-20} guineas |
    ${number}.00 | ({number}) | {grouped_en} | at ${1-9}.{00-99} each | @ {1-99} ea. | Total: ${decimal_en} |
    Total £{number} | paid {number} | By cash ${decimal_en} | To balance {decimal_en} | {hour} hundred dollars |
    {hour} thousand pounds | Bal. due {decimal_en}
first = John William James George Charles Thomas Henry Robert Edward Joseph Mary Elizabeth Anne Margaret Alice Jane
    Sarah Emma Florence Edith Frank Arthur Walter Harry Albert Fred David Peter Michael Susan Helen Ruth Dorothy
    Grace Lucy Martha Ellen Kate Rose Hugh Oliver Daniel Samuel Benjamin Wm. Jas. Geo. Thos. Chas. Robt. Jno. Eliz.
    Edwd. Saml.
surname = Smith Jones Brown Taylor Wilson Davies Evans Thomas Johnson Roberts Walker Wright Robinson Thompson White
    Hughes Edwards Green Hall Wood Harris Lewis Martin Jackson Clarke Turner Hill Cooper Morris Ward Moore King
    Baker Harrison Morgan Allen Bennett Carter Cook Parker Shaw Young Quincy Vaughan Zeller Fitzgerald O'Brien
    O'Neill McDonald MacKenzie McKay Van Dyke Yates Knox Jordan Fox Webb Pugh Kirk Hutchinson Whitfield Lloyd Xavier
    Beauchamp
title: 5* Mr. | 4* Mrs. | 3* Miss | 3* Dr. | 2* Prof. | Mr | Mrs | Dr | Sir | Lady | Lord | Rev. | Hon. | Capt. |
    Col. | Gen. | Lieut. | Sgt. | St. | Messrs. | Master | Madam | Ms | Ms. | Judge | Prof | Revd. | Maj.
person: 3* {title} {surname} | 2* {title} {first} {surname} | 3* {first} {surname} | 2* {initials} {surname} |
    {title} {initials} {surname} | {first} {capital}. {surname} | 2* {surname}, {first} | {surname}, {capital}. |
    {first} {surname}, Esq. | {first} {surname}, Jr. | {first} {surname} & Co. | {surname} & {surname} |
    {title} & Mrs. {surname} | {surname} Bros. | {title} {surname}'s {noun} | {first} & {first} |
    {first} ({year}-{year}) | {first} and {first} {surname} | {first} {surname}, M.D. | {first} {surname}, Ph.D. |
    {first} {surname} Sr. | {surname} ({first}) | née {surname} | {first}, {first}, {first} and {first} | {initials} |
    the {surname}s' | {first} {surname} (aged {1-99})
place = London Oxford Cambridge Boston Chicago Dublin Edinburgh Bristol York Leeds Bath Kew Richmond Berlin Paris
    Rome Vienna Geneva Calcutta Sydney Philadelphia Baltimore Washington Springfield Windsor Brighton Plymouth
    Glasgow Cardiff Swansea Norwich Exeter Hull Quebec Zanzibar Jamaica Kingston
street_kind: 4* Street | 3* St. | 2* Road | Rd. | Rd | 2* Avenue | Ave. | Lane | Square | Sq. | Terrace | Place |
    Pl. | Crescent | Gardens | Hill | Court | Drive | Park | Row | Blvd.
street: {surname} {street_kind} | {place} {street_kind} | High St. | Church {street_kind} | King's Road |
    {ordinal_day} {street_kind} | Queen {street_kind} | Park {street_kind} | Mill Lane
address: 3* {1-299} {street} | {1-99}{small_letter}, {street}, {place} | {1-299} {street}, {place} | {street} |
    2* {place} | {place}, {capital}.{capital}. | {place}, {capital}{capital} {10000-99999} | Apt. {1-40} |
    P.O. Box {number} | {place} {capital}{capital}{1-19} {1-9}{capital}{capital} | c/o {title} {surname} |
    No. {1-199}, {street} | Flat {1-40}, {1-99} {street} | near {place} | {place}, N.Y. | {place}, Mass. |
    {place}, England | County of {place} | {place} University | St. {first}'s Church | Room {1-499}
phone: ({200-999}) {200-999}-{0000-9999} | {200-999}-{200-999}-{0000-9999} | Tel. {number} | Tel: {phone} |
    0{100-999} {100000-999999} | +44 {10-99} {1000-9999} {1000-9999} | {200-999}-{0000-9999} |
    +1 {200-999} {200-999} {0000-9999} | Fax: {phone} | Ext. {10-999} | 07{100-999} {100000-999999}
abbreviation = &c. etc. e.g. i.e. viz. vs. cf. ibid. op.cit. do. ditto inst. ult. prox. recd. wd. shd. cd. Govt.
    Dept. Co. Ltd. Inc. Bros. approx. Vol. vol. Fig. fig. No. Nos. p. pp. ch. sec. P.S. N.B. R.S.V.P. Esq. Jr. M.P.
    M.A. Ph.D. U.S. U.S.A. U.K. E.E.C. B.B.C. T.V. a.m. p.m. A.D. B.C. St. Mt. Ft. yr. yrs. mo. wk. min. sec. hr.
    lbs. oz. ft. in. yd. doz. qr. cwt. w/ w/o b/c c/o a/c per cent. & @ anon. memo. Assn. Soc. Regt. Hon. Gov. Pres.
    Sec'y.
abbreviated: {abbreviation} {number} | {abbreviation} | {noun} &c. | {noun}, {noun}, etc. | {abbreviation} {noun} |
    the {noun} of the {ordinal_day} inst. | yours of the {ordinal_day} ult. | No. {number} | Nos. {1-99} & {1-99} |
    {noun} & {noun} | (i.e. {noun}) | (e.g. {noun}) | {noun} w/ {noun} | {acronym} | the {acronym} | don't | can't |
    I'll | o'clock | 'tis
adjective = old new great small little good fine long short high early late general public private local national
    foreign beautiful quiet heavy royal annual average broken clean dear honest quick several various extra young
    vast zealous jovial exquisite vivid keen
noun = house letter book river garden question money school church paper water field horse office order report
    account receipt committee meeting family mother father brother sister journey ship harbour weather health
    history music picture village mountain winter summer evening morning business law zoo jazz quiz box fox axe key
    joke judge wax view queen square equation expedition examination subject object project major vegetable
    knowledge king bishop colonel parliament government
plural = letters books rivers gardens questions papers fields horses offices orders
    reports accounts receipts meetings families sisters ships pictures villages mountains axes keys jokes judges boxes
    queens squares objects projects kings houses churches copies shirts yards eggs apples loaves spoons blankets
capitals: 3* {^^noun} | 2* {^^adjective} {^^noun} | {^^surname} | THE {^^adjective} {^^noun} | {^^place} |
    {^^noun} AND {^^noun} | {^^month} {year} | {^^first} {^^surname} | CHAPTER {roman} | PART {1-9} |
    {^^noun} NO. {1-99} | {^^noun}: {^^noun} | NOTICE! | {^^weekday} | {^^title} {^^surname} | {^^street} |
    {^^noun} OF {^^place} | DO NOT {^^noun} | IMPORTANT: {noun} | {^^noun} ({^^place}) | {acronym} {^^noun} |
    {^^date} | {^^person} | {^^address} | {^^remark}
list: {ordinal_number} {noun} | {ordinal_number} {^noun} | {ordinal_number} {adjective} {noun} | {1-12} {plural} |
    {noun}, {noun}, {noun} | {noun} - {noun} - {noun} | {noun} / {noun} |
    {ordinal_number} {^adjective} {noun}; {noun} | {1-99} doz. {plural} | {noun} .... {number} | {^noun}: {number} |
    {noun} ({1-99}) | {number} {plural} @ {decimal_en} | {noun} x {1-9} | a) {noun} b) {noun} | 1. {noun} 2. {noun} |
    {^noun} {decimal_en} {decimal_en} | {1-9} lbs. {noun}
reference: p. {number} | pp. {1-99}-{100-399} | p. {1-99}, l. {1-40} | vol. {roman}, p. {number} |
    Vol. {1-20}, No. {1-12} | Ch. {roman} | § {1-99} | see p. {number} | (see fig. {1-30}) | fol. {1-200} |
    Gen. {1-50}:{1-31} | St. {first} {roman}, {1-30} | [{1-99}] | Table {1-20} | cf. p. {number} |
    {surname} ({year}) | ({surname}, {year}, p. {1-99}) | Act {roman}, Sc. {1-5} | ibid., p. {number} | MS. {number} |
    Lot {1-300} | Plate {roman} | Ref. {code} | Psalm {1-150}
letter_start: Dear {title} {surname}, | Dear Sir, | Dear Sir: | Dear Madam, | Dear {first}, | Sir, |
    My dear {first}, | My dear {title} {surname}, | Gentlemen: | Dear Sirs, | Dearest {first}, |
    To {title} {surname} | To whom it may concern: | {place}, {month} {day} | Dear Friend, | Dear Sir or Madam, |
    Hi {first}! | Hello {first}, | Honoured Sir | My dear Sir, | Dear all,
letter_end: Yours sincerely, | Yours truly, | Yours faithfully, | Sincerely yours, | Yours very truly, |
    Very respectfully, | I remain, Sir, | your obedient servant, | Yr. obt. servt. | Love, {first} |
    Your affectionate {family} | Yours ever, {first} | With kind regards, | Best wishes, {first} |
    Believe me, yours {adjective}ly | P.S. {^remark} | Ever yours, {initials} | {first} {surname} |
    Affectionately yours, | Many thanks! | Thank you very much. | (signed) {first} {surname} | Encl. |
    {initials} {surname} | With love from {first} | xxx {first} | Kindest regards to {title} {surname}
family = son daughter mother father brother sister cousin friend uncle aunt nephew niece husband wife
punctuated: ({noun}) | [{noun}] | "{noun}" | '{noun}' | “{noun}” | ‘{noun}’ | {noun}... | ... {noun} |
    {noun}; {noun} | {noun}: {noun} | {noun} -- {noun} | {noun} — {noun} | {noun}/{noun} | {noun}? | {noun}! |
    {^noun}. {^noun}. | *{noun}* | {noun} = {noun} | {noun}-{noun} | {noun}* | {noun}'s | {plural}' | "{^remark}" |
    ({remark}) | {noun} + {noun} | {noun}, {noun} & {noun} | ({number}) | "{^noun}?" "{^noun}!" | {noun} ("{noun}") |
    & {noun} | {noun}." | {noun}," {noun} | #{1-99} | {noun}… | '{00-99} | – {noun} –
record: Name: {first} {surname} | Date: {slash_date} | Born {day} {month} {year} | Age: {1-99} | Sex: M |
    Place of birth: {place} | Occupation: {occupation} | {surname} {first}, {occupation}, {1-99} |
    {first} {surname}, b. {place} {year} | Married {date} | Witness: {first} {surname} | Signature | {occupation} |
    Signed: {initials} {surname} | widow of {first} {surname} | son of {first} & {first} |
    {number} {first} {surname} {1-99} | Weight: {measure} | Address: {address} | Subject: {noun} |
    To: {first} {surname} | From: {surname} | Invoice No. {number} | Class {roman} | {1-40} yrs. {1-11} mo. |
    Recd. of {first} {surname} | Entered {date} | Page {1-99} of {1-99}
occupation = farmer labourer servant clerk teacher carpenter weaver miner grocer baker butcher sailor solicitor
    surgeon housekeeper dressmaker blacksmith engineer student physician widow scholar
heading: Chapter {1-40} | Chapter {roman}. {^noun} | The {^adjective} {^noun} | {^noun} and {^noun} |
    {roman}. {^noun} | Notes on {^noun} | {^noun} of {place} | {1-9}.{1-9} {^adjective} {noun} |
    Minutes of the {noun} | {weekday}: {noun} | Lecture {1-30}: {^noun} | To do: | Contents | Index | Part {roman} |
    Appendix {capital} | Report for {year} | List of {plural}
remark: see over | not found | please return | to be continued | no change | call {first} | ask {first} | buy {noun} |
    very {adjective} | quite {adjective} | as above | turn over | urgent | {noun} due | not {adjective} |
    paid in full | {small_number} copies | sent {day} {month_short} | Why not? | send to {first} | Oh, {first}! |
    Is it {adjective}? | Ha! ha! | yes, yes | O.K. | all right
quotation: "{^remark}," said {first}. | "{^remark}!" cried {title} {surname} | '{^remark}?' he asked. |
    “{^remark},” she said, | - {^remark}? - {^remark}. | "No, {first}, {remark}." | said {first}: "{^remark}." |
    ({title} {surname}: '{^remark}') | "Well, {remark} ..."
"""
)
"""The rule `phrase` is the start; `hwr.synth.grammar.read_rules` says how rules are written."""
