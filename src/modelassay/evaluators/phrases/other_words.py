"""Further frequent words of the other languages in Latin letters that can be read.

Beside the words by which each is picked (`Phrases.words`), these count when it is asked how much of a text is
of it. Words that neighbours have too (Italian and Portuguese beside Spanish, Dutch beside German) are left
out where they are frequent there.
"""

from __future__ import annotations

from modelassay.evaluators.phrases.notation import word_set

FURTHER_WORDS = {
    "de": word_set(
        """am an um zum zur vom beim bin bist seid war waren wäre hat habe haben hatte hatten würde würden
        können konnte könnte möchte möchten sollte sollten soll müssen musst darf dürfen will wollen
        gibt geben gab wer was wann wo warum wieso welche welcher welches welchen dieser diese dieses
        diesen diesem jeder jede jedes ihr ihre ihren ihrem sein seine seinen mein meine meinen dein
        deine kein keine keinen etwas alle alles viel viele mehr sehr nur noch schon immer wieder jetzt
        dann danach zuerst anschließend also denn doch mal bitte ja nein durch ohne gegen zwischen unter
        vor seit bis etwa so ob damit dafür darauf davon dazu daran welch einem eines jetzt gut gute
        guten neue neuen groß große erste ersten zwei drei mischen gießen geben nehmen nimm legen machen
        macht mache sagen sagt helfen hilft wissen weiß lassen jahr jahre zeit tag tage frage fragen
        antwort beispiel menschen leute stadt berechnen nennen erkläre
            pro woche wochen täglich stunde stunden minuten einmal zweimal"""
    ),
    "es": word_set(
        """este estos esta estas esto ese esos esas aquel has hemos han había haber soy eres somos fue
        fueron hacer haz hecho puede pueden puedes poder podemos tiene tienen tener tengo quiero quieres
        debe debes deben hay donde dónde cuando cuándo cual cuál cuales cuáles quien quién porque
        también tambien muy poco mucho mucha muchos muchas todo toda todos todas otro otra otros otras
        alguien siempre después antes luego entonces ahora así bien mejor mayor cada entre hasta desde
        durante según tú él ella ellos ellas nosotros usted ustedes voy vas les tus nuestra nuestro
        primero años año días vez veces cosas gente personas mundo ciudad gracias hola paso pasos mezcla
        mezcle agrega añade vierte coloca lave usar utiliza ejemplo animales hombre mujer dime crea
        escribe explica tabla"""
    ),
    "fr": word_set(
        """à l'on d'un d'une j'ai n'est qu'il qu'elle s'il as avons avez ont avait avoir était étaient être
        serait fait faire faites fais peut peuvent peux pouvez pouvoir veux voulez doit doivent devez
        toi moi lui leur leurs ils elles ces cet cela ça celui quel quelle quels quelles quoi dont où
        quand pourquoi parce aussi très trop peu beaucoup tout toute tous toutes autre autres rien
        quelque toujours jamais après avant puis ensuite alors maintenant ainsi bien mieux chaque entre
        jusqu'à depuis pendant sans sous chez vers comme donc tes ses notre vos premier deux trois ans
        année jour jours fois chose choses gens personne monde ville merci bonjour étape étapes mélangez
        ajoutez versez utilisez donnez dites écris explique exemple homme femme eau"""
    ),
}
