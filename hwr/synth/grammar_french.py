"""Rules of what is written in French beside prose."""

from hwr.synth.grammar import read_rules

FRENCH = read_rules(
    """
phrase: 6* {date} | 2* {time} | 5* {money} | 4* {address} | {phone} | 7* {person} | 4* {abbreviated} | 5* {capitals} |
    3* {list} | 2* {letter_start} | 3* {letter_end} | 2* {reference} | 2* {punctuated} | 2* {measure} | {formula} |
    {code} | {signs} | {mail} | {percent} | {fraction} | {decimal_fr} | {number} | 5* {record} | 2* {^noun} | {noun} |
    2* {heading} | 2* {remark} | 2* {quotation} | 3* {deed}
month = janvier février mars avril mai juin juillet août septembre octobre novembre décembre
month_short = janv. fév. févr. avr. juil. sept. oct. nov. déc. 7bre 8bre 9bre Xbre 7.bre 8.bre Xbre. Janv
republican = vendémiaire brumaire frimaire nivôse pluviôse ventôse germinal floréal prairial messidor thermidor
    fructidor
weekday = lundi mardi mercredi jeudi vendredi samedi dimanche
french_day: 1er | 4* {2-31} | 1.er | premier
date: 4* le {french_day} {month} {year} | 2* {french_day} {month} {year} | {place}, le {french_day} {month} {year} |
    {place} le {french_day} {month} {old_year} | {weekday} {french_day} {month} {year} | {month} {year} | {year} |
    {weekday} {french_day} {month} | le {french_day} {month_short} {old_year} |
    {french_day} {month_short} {old_year} | 3* {slash_date} | le {slash_date} | du {french_day} {month} |
    du {french_day} au {french_day} {month} {year} | {french_day} {republican} an {roman} |
    le {day} {republican} an {1-14} | l'an {year_words} | l'an mil huit cent {tens}, le {tens} {month} |
    {year} - {year} | en {year} | ({year}-{year}) | vers {year} | né le {french_day} {month} {year} |
    née le {french_day} {month} {year} à {place} | mort en {year} | {^weekday} {french_day} |
    au mois de {month} {year} | fin {month} | {roman}e siècle | ce {french_day} {month} |
    le {tens} {month} mil neuf cent {tens} | dans les années {19-20}{1-9}0 | depuis {year} | courant {month}
tens = un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept dix-huit
    dix-neuf vingt vingt-un vingt-deux vingt-cinq vingt-neuf trente trente-trois quarante quarante-huit cinquante
    cinquante-quatre soixante soixante-dix soixante-douze quatre-vingt quatre-vingt-trois quatre-vingt-dix
    quatre-vingt-dix-neuf
year_words: mil huit cent {tens} | mil sept cent {tens} | mil neuf cent {tens} | mil huit cents {tens} |
    deux mille {tens} | mille huit cent {tens}
time: {0-23}h{00-59} | {0-23} h {00-59} | {0-23} h | {0-23}:{00-59} | {1-12} heures du {moment} | à {1-12} heures |
    {tens} heures du {moment} | {1-12} h. 1/2 | midi et demi | minuit moins le quart | {0-23}h |
    de {0-23}h à {0-23}h | vers {1-12} heures | à {0-23}h{00-59} | {1-59} min {1-59} s | heure de {tens} | à midi |
    {1-12} heures {1-59} minutes
moment = matin soir
money: 2* {number} fr. | 2* {number} francs | {1-99} fr. {00-95} | {1-99} fr {00-95} c. | {1-99}f {00-95}c |
    {1-999} f. | {grouped_fr} francs | {decimal_fr} € | {number} € | {decimal_fr}€ | {number} F | {number} livres |
    {1-99} livres {1-19} sols | {1-99}# {1-19}s {1-11}d | {1-99} l. {1-19} s. {1-11} d. | {1-99} sous |
    {tens} francs | {tens} cents francs | {tens} mille francs | {number}.00 | {grouped_fr} |
    la somme de {number} francs | une somme de {tens} mille francs | total : {decimal_fr} | Total {number} |
    reçu {number} f | à raison de {1-9} fr. {00-95} | environ {number} euros | {1-9}% par an | {1-99} écus |
    {1-99} louis d'or | {1-95} centimes | Report {decimal_fr} | à reporter {number} {00-99}
first = Jean Pierre Marie Louis François Joseph Antoine Jacques Charles Henri Paul Émile Jules Eugène Étienne André
    Michel Claude René Léon Édouard Gaston Alphonse Théodore Zoé Élise Anne Jeanne Marguerite Louise Catherine
    Françoise Joséphine Hélène Éléonore Héloïse Adèle Célestine Noël Guillaume Gilles Yves Benoît Geneviève Thérèse
    Rosalie Victor Xavier Wilfrid Kévin Loïc Maël J.Bte Jean-Baptiste Marie-Anne Jean-Pierre Anne-Marie
surname = Martin Bernard Dubois Thomas Robert Richard Petit Durand Leroy Moreau Simon Laurent Lefebvre Michel Garcia
    David Bertrand Roux Vincent Fournier Morel Girard Mercier Dupont Lambert Bonnet Lefèvre Legrand Garnier Faure
    Rousseau Blanc Guérin Müller Roussel Perrin Mathieu Gautier Masson Marchand Duval Denis Lemaire Noël Meyer
    Dufour Blanchard Brun Chevalier Barbier Arnaud Brunet Fabre Aubert Picard Léger Collet Boyer Vidal Caron Hervé
    Jacquet Weber Schneider Le~Gall d'Aubigné de~La~Tour Kergoat Quéré Huguenin Zimmermann Péchaud Maillé Bézard
    Crépin Besançon
title: 6* M. | 4* Mme | 2* Mlle | Mr | M | 2* Monsieur | 2* Madame | Mademoiselle | Me | Dr | le Dr | Sr | le sieur |
    la dame | Mgr | le citoyen | feu | Mr. | Mme. | Mlle. | MM. | Mrs | l'abbé | le comte | le général | la veuve |
    Ve | le nommé | St | Ste | M.r | M.e | Cne | le Cel
person: 3* {title} {surname} | 2* {title} {first} {surname} | 3* {first} {surname} | 2* {surname} {first} |
    {^^surname} {first} | {initials} {surname} | {surname} ({first}) | {surname}, {first} | {first} {^^surname} |
    {first} {first} {surname} | {title} {surname} et {title} {surname} | {surname} & Cie | {surname} frères |
    {surname} père et fils | {first} {surname}, {occupation} | {first} {surname}, veuve {surname} |
    {first} {surname} son épouse | {surname} née {surname} | veuve {surname} | {first}, {first} et {first} |
    {first} {surname} fils | {first} {surname}, dit {first} | {title} de {surname} | les héritiers {surname} |
    {first} {surname} ({year}-{year}) | {first} {surname}, âgé de {1-99} ans | {first} {capital}. {surname} |
    fils de {first} et de {first} {surname} | d'{first} {surname} | {initials} | l'épouse {surname}
place: Paris | Lyon | Marseille | Rouen | Bordeaux | Nantes | Lille | Orléans | Besançon | Nîmes | Angoulême |
    Évreux | Châlons | Compiègne | Sèvres | Versailles | Poitiers | Béziers | Liège | Genève | Montréal | Québec |
    Alençon | Périgueux | Saint-Étienne | St-Denis | St Germain | La Rochelle | Le Havre | Aix-en-Provence |
    Neuilly-sur-Seine | Bâle | Zürich | Quimper | Wissembourg | Yvetot | Xertigny | Ste-Foy | Bar-le-Duc |
    L'Isle-Adam | Vézelay | Mâcon
street_kind: 5* rue | 2* avenue | place | boulevard | bd | Bd | av. | quai | chemin | route | impasse | faubourg |
    fg | cours | R. | passage
street: {street_kind} {surname} | {street_kind} de {place} | rue du {^noun} | rue St {first} | rue Neuve |
    {street_kind} Saint-{first} | rue de la {^noun} | place de l'Église | quai d'Orsay | Grande Rue |
    rue des {^plural} | rue de l'{^elided}
address: 3* {1-199}, {street} | {1-199} {street} | {1-199} bis, {street} | {street}, n° {1-199} | {street} n°{1-99} |
    {street}, {1-199}, à {place} | {10000-95999} {place} | 2* à {place} | demeurant à {place}, {street} |
    {place} ({department}) | canton de {place} | commune de {place} | B.P. {1-999} | cedex {01-19} |
    arrondissement de {place} | près {place} | au bourg de {place} | paroisse de St {first} | {place}, {street} |
    domicilié à {place} | {1-20}e arrondissement | {1-9}e étage | hôtel de {place} | gare de {place}
department: Isère | Côte-d'Or | Hérault | Nièvre | Eure-et-Loir | Ain | Finistère | Corrèze | Vendée | Seine-et-Oise |
    Rhône | Ardèche | Lozère | Yonne | {01-95}
phone: 0{1-7} {00-99} {00-99} {00-99} {00-99} | 0{1-7}.{00-99}.{00-99}.{00-99}.{00-99} |
    Tél. {10-99} {00-99} {00-99} | +33 {1-7} {00-99} {00-99} {00-99} {00-99} | tél : {phone} |
    0{1-7}{00000000-99999999} | poste {10-999}
abbreviation = etc. &c. &ca c.-à-d. p.ex. cf. n° N° no. art. chap. fol. p. pp. t. vol. éd. env. S.M. S.A.R. S.E.
    V.M. R.F. S.V.P. s.v.p. N.B. P.S. Cie Sté St Ste Mgr Vve Ve dt led. lad. lesd. nre vre pr ptre bourg. nat. dép.
    cap. maj. subst. adj. gén. id. Id. idem dito do d° 1er 1re 2e 3e 2ème 3ème 1° 2° 3° Bd av. h. min. kg. k° M.P.
    J.-C. l.s.d. ff. sr de° not. rég.t com.ne dép.t c.te f.res m.d. m.tre hab. A.N. Bibl. nat. ms.
abbreviated: {abbreviation} {number} | {abbreviation} | {noun} &c. | {noun}, {noun}, etc. | art. {1-99} |
    {abbreviation} {noun} | n° {number} | N° {number} | n{1-9}° {1-99} | n.os {1-9} et {1-9} | {1-20}e {noun} |
    {2-20}ème {noun} | le {1-20}e régiment | {noun} et Cie | {acronym} | la {acronym} | led. {surname} | lad. {noun} |
    susd. {noun} | c'est-à-dire | aujourd'hui | (c.-à-d. {noun}) | S.M. le Roi | 1° {noun} | 2° {noun} |
    {roman}e {noun} | d'après | qu'il
adjective = ancien nouveau grand petit bon beau long premier dernier général public privé légal naturel français
    étranger âgé présent entier cher sincère dévoué célèbre léger jeune égal exact utile précédent dû reçu aîné
    éternel extrême gothique belge joyeux
noun = maison lettre livre rivière jardin question argent école église papier champ cheval bureau ordre rapport
    compte reçu comité famille mère père frère sœur voyage navire port temps santé histoire musique village montagne
    hiver été soir matin affaire loi vœu cœur œuvre bœuf forêt fenêtre hôtel tâche château âge île maître évêque
    noël maïs naïf garçon façon reçu leçon français où là déjà procès succès élève légataire héritier témoin notaire
    acte vente terre vigne pré bois moulin meuble linge lit armoire vaisselle créance succession wagon kilomètre
    jury zéro exemple quête zèle yeux
plural = maisons lettres livres rivières jardins questions écoles papiers champs chevaux
    rapports reçus frères sœurs navires montagnes vœux œuvres bœufs forêts fenêtres hôtels tâches châteaux îles élèves
    héritiers témoins actes vignes prés moulins meubles draps lits armoires wagons chaises assiettes serviettes
elided = église école hôpital abbé évêque été hiver eau or arsenal industrie observatoire université
capitals: 3* {^^noun} | 2* {^^noun} {^^adjective} | {^^surname} | LE {^^adjective} {^^noun} | {^^place} |
    {^^noun} ET {^^noun} | {^^month} {year} | {^^first} {^^surname} | CHAPITRE {roman} | PARTIE {1-9} |
    {^^noun} N° {1-99} | {^^noun} : {^^noun} | RÉPUBLIQUE FRANÇAISE | {^^title} {^^surname} | ÉTAT | {^^street} |
    {^^noun} DE {^^place} | À {^^place} | {^^noun} ({^^place}) | {acronym} {^^noun} | {^^date} | {^^person} |
    {^^address} | {^^remark} | {^^occupation} | MINISTÈRE DE LA GUERRE | PRÉFECTURE | CÉDÉ À {^^surname} |
    {^^weekday}
list: {ordinal_number} {noun} | {ordinal_number} {^noun} | {ordinal_number} {noun} {adjective} | {1-12} {plural} |
    {noun}, {noun}, {noun} | {noun} - {noun} - {noun} | {noun} / {noun} | {1-9}° {noun} |
    un {noun}, estimé {number} f | {tens} {plural} | {noun} .... {number} | {^noun} : {number} | {noun} ({1-99}) |
    {noun} x {1-9} | a) {noun} b) {noun} | 1° {noun} 2° {noun} | {^noun} {decimal_fr} | item un {noun} {adjective} |
    Item {noun}, prisé {tens} livres | plus un {noun} | {1-99} {plural} à {1-99} fr.
reference: p. {number} | pp. {1-99}-{100-399} | p. {1-99}, l. {1-40} | t. {roman}, p. {number} | (p. {number}) |
    vol. {1-20}, n° {1-12} | chap. {roman} | § {1-99} | voir p. {number} | (voir fig. {1-30}) | fol. {1-200} v° |
    f° {1-200} r° | art. {1-999} du Code civil | [{1-99}] | tableau {1-20} | cf. p. {number} | {surname} ({year}) |
    série {capital}, n° {1-999} | acte n° {number} | lot {1-99} | section {capital}, n° {1-999} |
    cote {capital}{1-99} | registre {1-99} | dossier {number} | vu, p. {1-99}
letter_start: Monsieur, | Madame, | Monsieur le {occupation}, | Cher Monsieur, | Chère Madame, | Messieurs, |
    Mon cher {first}, | Ma chère {first}, | Cher {first}, | Chers amis, | Monsieur le Ministre, | Ma chère mère, |
    Mes chers parents, | Mon cher ami, | À Monsieur {surname} | Mon Général, | A Madame {surname} | Monseigneur |
    Bonjour {first}, | Monsieur et cher confrère, | Citoyen, | {place}, le {french_day} {month} | Mademoiselle, |
    Bien chers tous,
letter_end: Veuillez agréer, Monsieur, | mes salutations distinguées. | Bien à vous, | Votre dévoué {surname} |
    l'expression de mes sentiments | Recevez, Madame, | Je vous embrasse, | Ton ami {first} | Amitiés, |
    Votre très humble serviteur | P.S. {^remark} | Salut et fraternité | Mille baisers, {first} |
    J'ai l'honneur d'être, | avec respect, | {first} {surname} | {initials} {surname} | À bientôt ! |
    Ta fille qui t'aime, {first} | Merci d'avance. | Cordialement, | signé : {surname} | Bien affectueusement |
    Agréez mes respects | tout à vous | Gros bisous, {first} | Votre {family} {adjective}
family = fils fille mère père frère sœur cousin cousine ami amie oncle tante neveu nièce époux épouse
punctuated: ({noun}) | [{noun}] | "{noun}" | « {noun} » | «{noun}» | “{noun}” | {noun}... | ... {noun} |
    {noun} ; {noun} | {noun} : {noun} | {noun} - {noun} | — {^noun} | {noun}/{noun} | {noun} ? | {noun} ! |
    {^noun}. {^noun}. | *{noun}* | {noun} = {noun} | {noun}-{noun} | l'{elided} | d'{elided} | qu'{elided} |
    « {^remark} » | ({remark}) | {noun} + {noun} | {noun}, {noun} & {noun} | ({number}) | – {noun} – |
    ({noun}, {noun}) | {noun}… | - {^remark} ? | {noun}, {noun} ; | L'{elided} | {plural},
record: Nom : {surname} | Prénom : {first} | Date : {slash_date} | né le {french_day} {month} {year} | {1-99} ans |
    Né à {place} | Profession : {occupation} | {surname} {first}, {occupation}, {1-99} ans | {occupation} |
    {first} {surname}, né à {place} en {year} | Marié le {date} | Témoin : {first} {surname} | Signature |
    signé {surname} | veuve de {first} {surname} | fils de {first} et {first} | célibataire | chef | femme |
    {number} {surname} {first} {1-99} | Poids : {measure} | Adresse : {address} | Objet : {noun} |
    {surname} {first} {year} {place} | Facture n° {number} | classe {year} | enfant {1-9} | domestique |
    Reçu de {title} {surname} | Enregistré à {place} | lu et approuvé | {1-20} ans {1-11} mois | idem |
    {surname} {first} chef {1-80} | matricule {number}
deed: par-devant Me {surname}, notaire à {place} | ont signé après lecture | en présence de {title} {surname} |
    Je donne et lègue à {first} {surname} | Ceci est mon testament | fait à {place}, le {date} |
    je soussigné {first} {surname} | légataire universel | la somme de {money} | en foi de quoi |
    a comparu {title} {surname} | demeurant à {place} | Vu et approuvé | Par devant nous, {occupation} |
    L'an {year_words}, le {tens} {month} | sain d'esprit | tous les biens meubles et immeubles | ledit {surname} |
    moyennant {money} | dont acte | ladite {noun} | en date du {date} | ont déclaré | Collationné par nous |
    pour copie conforme | Le {occupation} de la {noun}
occupation = cultivateur laboureur notaire domestique tisserand menuisier maçon boulanger marchand négociant
    instituteur maire médecin couturière journalier vigneron rentier propriétaire avocat greffier meunier ménagère
    maréchal ébéniste étudiant huissier secrétaire préfet juge curé
heading: Chapitre {1-40} | Chapitre {roman}. {^noun} | Le {noun} {adjective} | {^noun} et {noun} | Table |
    {roman}. {^noun} | Notes sur le {noun} | {^noun} de {place} | {1-9}.{1-9} {^noun} {adjective} | Procès-verbal |
    {^weekday} : {noun} | Leçon {1-30} : {noun} | À faire : | Désignation | Situation | {roman}e partie |
    Annexe {capital} | Rapport de {year} | État des {plural} | Inventaire | Observations
remark: voir au dos | néant | à rendre | à suivre | sans suite | appeler {first} | rien à signaler | bon |
    acheter {noun} | très {adjective} | assez {adjective} | comme ci-dessus | T.S.V.P. | urgent | payé |
    pas {adjective} | pour solde | {small_number} copies | envoyé le {day} | Pourquoi pas ? | approuvé | à {first} |
    Ô {first} ! | est-ce {adjective} ? | Hélas ! | oui, oui | ça va | à classer | vu
quotation: - {^remark}, dit {first}. | « {^remark} ! » s'écria {title} {surname} | — {^remark} ? | — {^remark} ! |
    « {^remark} », dit-elle, | - {^remark} ? - {^remark}. | « Non, {first}, {remark}. » |
    dit {first} : « {^remark}. » | ({title} {surname} : "{^remark}") | "Eh bien, {remark} ..."
"""
)
"""The rule `phrase` is the start; `hwr.synth.grammar.read_rules` says how rules are written."""
